"""A process that sleeps past its lease and wakes: it acts on no old news."""

import asyncio

from tests.delivery_scene import Scene, as_new_process, open_scene, running
from tests.push_double import DISCORD, TELEGRAM_PRIVATE
from tests.virtual_time import in_virtual_time


class PausedOnce:
    """The scene's store; the process is suspended for a while when a unit of this name has committed."""

    def __init__(self, scene: Scene, unit_name: str, pause_s: float) -> None:
        self._scene, self._unit_name, self._pause_s = scene, unit_name, pause_s
        self.process_id, self.bulletin = scene.store.process_id, scene.store.bulletin

    async def write(self, unit, *args, **kwargs):
        return await self._after(unit, await self._scene.store.write(unit, *args, **kwargs))

    async def read(self, unit, *args, **kwargs):
        return await self._after(unit, await self._scene.store.read(unit, *args, **kwargs))

    async def close(self) -> None: ...

    async def _after(self, unit, result):
        if unit.__name__ == self._unit_name and result is not None:
            self._unit_name = ""
            await asyncio.sleep(self._pause_s)
        return result


def test_a_process_suspended_after_its_mark_does_not_send_what_its_successor_settled() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann")
        suspended = PausedOnce(scene, "begin", 40.0)
        async with running(scene, store=suspended):
            await scene.say("ann", "hello")
            await asyncio.sleep(20)
            as_new_process(scene)
            async with running(scene):
                await scene.until_settled()
                await asyncio.sleep(60)
        (row,) = await scene.rows()
        assert (row.state, row.repeats) == ("sent", 1)
        assert scene.double.times_shown("hello") == 1

    in_virtual_time(story())


def test_a_process_suspended_before_a_preview_does_not_show_it_over_the_answer() -> None:
    async def story() -> None:
        scene = open_scene(DISCORD, "room")
        reserved = await scene.reserve("room")
        async with running(scene) as process:
            process.previews.show(scene.target("room", reserved.outbox_id), "hel")
            await asyncio.sleep(3)
        suspended = PausedOnce(scene, "showing", 40.0)
        async with running(scene, store=suspended) as process:
            process.task.cancel()  # all of it is suspended
            process.previews.show(scene.target("room", reserved.outbox_id), "hello, wor")
            await asyncio.sleep(3)
            as_new_process(scene)
            async with running(scene):
                await scene.answer("room", reserved.outbox_id, "hello, world")
                await asyncio.sleep(60)
        assert scene.double.on_show("room") == ["hello, world"]

    in_virtual_time(story())

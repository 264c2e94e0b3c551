"""A process that was suspended over a request, and its successor."""

import asyncio
from typing import Any

import pytest

from bot.errors import StoreUnavailable
from bot.store import outbox, placeholders
from tests.delivery_scene import as_new_process, open_scene, running
from tests.push_double import TELEGRAM_GROUP
from tests.virtual_time import in_virtual_time


@pytest.mark.parametrize("refusals", [0, 3])
def test_a_preview_that_lands_after_a_successors_answer_does_not_stay_on_show(refusals: int) -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_GROUP, "room")
        write, left = scene.store.write, [refusals]

        async def refusing(unit: Any, *args: Any, **kwargs: Any) -> Any:
            """The database hung up on who was suspended."""
            if unit is placeholders.restate and left[0]:
                left[0] -= 1
                raise StoreUnavailable("hung up")
            return await write(unit, *args, **kwargs)

        scene.store.write = refusing  # type: ignore[method-assign]
        reserved = await scene.reserve("room")
        async with running(scene) as suspended:
            suspended.previews.show(scene.target("room", reserved.outbox_id), "hel")
            await asyncio.sleep(5)
            scene.double.latency = lambda: 20.0
            suspended.previews.show(scene.target("room", reserved.outbox_id), "hello a")
            await asyncio.sleep(3)
            assert scene.double.calls["edit"] == 2
            scene.double.latency = lambda: 0.02
            as_new_process(scene)
            async with running(scene):
                again = await scene.store.write(outbox.reserve, scene.lanes["room"], epoch=2)
                await scene.answer("room", again.outbox_id, "hello again", epoch=2)
                await scene.until_settled()
                assert scene.double.on_show("room") == ["hello again"]
                await asyncio.sleep(60)
        edits = [sight.text for sight in scene.double.seen if sight.what == "edited"]
        assert edits == ["hel", "hello again", "hello a", "hello again"]
        assert scene.double.on_show("room") == ["hello again"]
        assert await scene.states() == ["sent"]

    in_virtual_time(story())

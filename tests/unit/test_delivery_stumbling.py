"""What goes wrong with a preview costs that preview: not the answer, and not the account."""

import asyncio

from tests.delivery_scene import Scene, open_scene, running
from tests.push_double import DISCORD, TELEGRAM_PRIVATE, Fault, PushDouble
from tests.virtual_time import in_virtual_time


class Stumbling(PushDouble):
    """A channel that cannot measure one text."""

    def measure(self, text: str) -> int:
        if text == "a stone":
            raise RecursionError
        return super().measure(text)


def test_a_text_that_a_channel_stumbles_over_costs_its_own_preview_only() -> None:
    async def story() -> Scene:
        scene = open_scene(DISCORD, "room", "beside", double=Stumbling(lambda _: DISCORD))
        async with running(scene) as process:
            for chat, text in (("room", "a stone"), ("beside", "a path")):
                reserved = await scene.reserve(chat)
                process.previews.show(scene.target(chat, reserved.outbox_id), text)
                await asyncio.sleep(5)
            await scene.answer("beside", reserved.outbox_id, "a path home")
            await scene.until_settled()
            assert (scene.double.on_show("room"), scene.double.on_show("beside")) == ([], ["a path home"])
        return scene

    scene = in_virtual_time(story())
    assert [seen.text for seen in scene.double.seen] == ["…", "a path", "a path home"]
    assert scene.tally.of["failures", "previews"] == 1


def test_a_limit_of_drafts_is_obeyed_and_does_not_keep_the_answer_back() -> None:
    async def story() -> Scene:
        scene = open_scene(TELEGRAM_PRIVATE, "room")
        scene.double.retry_after_s = 280.0
        scene.double.script = lambda call, _: Fault.LIMIT_PREVIEWS if call == "draft" else None
        async with running(scene) as process:
            for number in range(3):
                reserved = await scene.reserve("room")
                process.previews.show(scene.target("room", reserved.outbox_id), "so far")
                await asyncio.sleep(5)
                await scene.answer("room", reserved.outbox_id, f"answer {number}")
                await scene.until_settled(5)
        return scene

    scene = in_virtual_time(story())
    assert scene.double.on_show("room") == ["answer 0", "answer 1", "answer 2"]
    assert scene.double.calls["draft"] == 1
    assert scene.double.broken == 0

"""What nobody foresaw in a channel's code costs one preview, not the account."""

import asyncio

from tests.delivery_scene import Scene, open_scene, running
from tests.push_double import DISCORD, PushDouble
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

"""Previews on push channels: best effort, from the surplus only, and never after the end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.delivery.limits import PreviewLimits
from bot.store import outbox, withdrawal
from tests.delivery_scene import Running, Scene, as_new_process, open_scene, running
from tests.push_double import DISCORD, TELEGRAM_GROUP, TELEGRAM_PRIVATE, Fault
from tests.virtual_time import in_virtual_time

Story = Callable[[Scene, Running], Awaitable[None]]


def on(habits, story: Story, *chats: str, preview_limits: PreviewLimits | None = None) -> Scene:
    async def whole() -> Scene:
        scene = open_scene(habits, *(chats or ("room",)))
        async with running(scene, preview_limits=preview_limits) as process:
            await story(scene, process)
        return scene

    return in_virtual_time(whole())


def sights(scene: Scene, *kinds: str) -> list[str]:
    return [sight.text for sight in scene.double.seen if sight.what in kinds]


async def stream(scene: Scene, process: Running, chat: str, *, words: int = 200, every_s: float = 0.02) -> str:
    """Reserve, show growing text as a model streams it, publish. Returns the final text."""
    reserved = await scene.reserve(chat)
    target = scene.target(chat, reserved.outbox_id)
    text = ""
    process.previews.show(target, text)
    for number in range(words):
        text += f"{number} "
        process.previews.show(target, text)
        await asyncio.sleep(every_s)
    await scene.answer(chat, reserved.outbox_id, f"{text}end of {chat}")
    process.previews.gone(target)
    return f"{text}end of {chat}"


def test_typing_then_a_placeholder_then_growing_text_then_the_answer_in_one_message() -> None:
    async def story(scene: Scene, process: Running) -> None:
        final = await stream(scene, process, "room")
        await scene.until_settled()
        shown = sights(scene, "sent", "edited")
        assert shown[0] == "…"
        assert shown[-1] == final
        assert all(final.startswith(text) for text in shown[1:])
        assert [len(text) for text in shown[1:]] == sorted(len(text) for text in shown[1:])
        assert scene.double.on_show("room") == [final]

    scene = on(DISCORD, story)
    assert scene.double.calls["edit"] < 10  # 200 words in four seconds
    assert scene.tally.of["previews", "skipped"] > 100
    assert scene.double.broken == 0


def test_an_answer_that_is_whole_at_once_is_sent_without_a_preview() -> None:
    async def story(scene: Scene, process: Running) -> None:
        await stream(scene, process, "room", words=5)
        await scene.until_settled()

    assert on(DISCORD, story).double.calls.total() == 1


def test_text_that_is_there_by_the_first_request_is_shown_instead_of_a_typing_mark() -> None:
    async def story(scene: Scene, process: Running) -> None:
        reserved = await scene.reserve("room")
        target = scene.target("room", reserved.outbox_id)
        process.previews.show(target, "")
        await asyncio.sleep(0.1)
        process.previews.show(target, "hello")
        await asyncio.sleep(1)

    scene = on(TELEGRAM_PRIVATE, story)
    assert sights(scene, "drafted") == ["hello"]
    assert scene.double.calls["typing"] == 0


def test_a_draft_is_followed_by_a_plain_send() -> None:
    async def story(scene: Scene, process: Running) -> None:
        final = await stream(scene, process, "room")
        await scene.until_settled()
        assert scene.double.on_show("room") == [final]

    scene = on(TELEGRAM_PRIVATE, story)
    assert sights(scene, "drafted")
    assert scene.double.calls["edit"] == 0
    assert scene.double.broken == 0


def test_where_only_typing_is_shown_it_is_renewed_until_the_end() -> None:
    async def story(scene: Scene, process: Running) -> None:
        await stream(scene, process, "room", words=100, every_s=0.1)
        await scene.until_settled()

    scene = on(replace(DISCORD, preview="typing"), story)
    assert 2 <= scene.double.calls["typing"] <= 4
    assert scene.double.calls["edit"] == 0


def test_nothing_is_shown_where_a_channel_previews_nothing() -> None:
    async def story(scene: Scene, process: Running) -> None:
        await stream(scene, process, "room")
        await scene.until_settled()

    assert on(replace(DISCORD, preview="none"), story).double.calls.total() == 1


def test_a_flood_of_previews_does_not_starve_the_final_texts() -> None:
    """40 streams share an account of 10 requests a second; each answer goes out as if there were no previews."""
    chats = [f"chat {number}" for number in range(40)]

    async def story(scene: Scene, process: Running) -> None:
        async def one(number: int, chat: str) -> float:
            final = await stream(scene, process, chat, words=200 + 25 * number)
            published = asyncio.get_running_loop().time()
            while not scene.double.times_shown(final):
                await asyncio.sleep(0.05)
            return scene.double.first_shown(final) - published

        waits = await asyncio.gather(*(one(number, chat) for number, chat in enumerate(chats)))
        assert max(waits) < 0.05

    scene = on(replace(DISCORD, account_rate=10.0, account_burst=10), story, *chats)
    assert scene.tally.of["previews", "sent"] > 40
    assert scene.double.broken == 0


def test_text_is_shown_only_in_a_message_that_is_on_record() -> None:
    async def story(scene: Scene, process: Running) -> None:
        reserved = await scene.reserve("room")
        process.previews.show(scene.target("room", reserved.outbox_id), "hello")
        seen = 0
        while scene.double.on_show("room") != ["hello"]:
            await asyncio.sleep(0.001)
            if scene.double.on_show("room") == ["hello"]:
                (row,) = await scene.rows()
                assert row.platform_id == "m1"
            seen += 1
        assert seen > 1

    on(DISCORD, story)


def test_the_final_text_waits_for_a_preview_still_under_way() -> None:
    async def story(scene: Scene, process: Running) -> None:
        reserved = await scene.reserve("room")
        target = scene.target("room", reserved.outbox_id)
        process.previews.show(target, "hel")
        await asyncio.sleep(3)
        scene.double.latency = lambda: 4.0
        process.previews.show(target, "hello, wor")
        await asyncio.sleep(0.1)
        scene.double.latency = lambda: 0.02
        await scene.answer("room", reserved.outbox_id, "hello, world")
        process.previews.gone(target)
        await scene.until_settled()
        await asyncio.sleep(10)
        assert scene.double.on_show("room") == ["hello, world"]

    on(DISCORD, story)


def test_nothing_is_shown_after_the_end_nor_of_an_older_epoch() -> None:
    async def story(scene: Scene, process: Running) -> None:
        reserved = await scene.reserve("room", epoch=1)
        old = scene.target("room", reserved.outbox_id, epoch=1)
        process.previews.show(old, "first try")
        await asyncio.sleep(5)
        await scene.reserve("room", epoch=2)  # an interrupt takes the row on
        process.previews.show(old, "first try, continued")
        await asyncio.sleep(5)
        assert scene.double.on_show("room") == ["first try"]
        new = scene.target("room", reserved.outbox_id, epoch=2)
        process.previews.show(new, "second try")
        await asyncio.sleep(5)
        assert scene.double.on_show("room") == ["second try"]
        process.previews.gone(new)
        process.previews.show(new, "too late")
        await asyncio.sleep(5)
        assert scene.double.on_show("room") == ["second try"]

    on(DISCORD, story)


def test_a_take_over_removes_the_preview_even_a_placeholder_that_was_on_its_way() -> None:
    async def story(scene: Scene, process: Running) -> None:
        for pause_s, expected in ((5.0, 1), (0.23, 2)):
            reserved = await scene.reserve("room")
            target = scene.target("room", reserved.outbox_id)
            scene.double.latency = lambda pause_s=pause_s: 0.02 if pause_s > 1 else 2.0
            process.previews.show(target, "hello")
            await asyncio.sleep(pause_s)
            await scene.store.write(withdrawal.cancel, scene.lanes["room"], instead="")
            process.previews.show(target, "hello, world")
            await asyncio.sleep(20)
            process.previews.gone(target)
            assert scene.double.on_show("room") == []
            assert len(scene.double.messages) == expected

    on(DISCORD, story)


def test_where_a_message_cannot_be_removed_it_reads_one_neutral_line() -> None:
    async def story(scene: Scene, process: Running) -> None:
        reserved = await scene.reserve("room")
        process.previews.show(scene.target("room", reserved.outbox_id), "hello")
        await asyncio.sleep(5)
        scene.double.script = lambda call, _: Fault.REFUSED if call == "delete" else None
        await scene.store.write(withdrawal.cancel, scene.lanes["room"], instead="A person takes over.")
        await scene.until_settled()
        assert scene.double.on_show("room") == ["A person takes over."]
        assert await scene.states() == ["cancelled"]

    on(DISCORD, story)


def test_a_new_process_goes_on_in_the_message_a_dead_one_left() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_GROUP, "room")
        reserved = await scene.reserve("room")
        async with running(scene) as process:
            process.previews.show(scene.target("room", reserved.outbox_id), "hel")
            await asyncio.sleep(5)
        as_new_process(scene)
        async with running(scene) as process:
            again = await scene.store.write(outbox.reserve, scene.lanes["room"], epoch=2)
            process.previews.show(scene.target("room", again.outbox_id, epoch=2), "hello a")
            await asyncio.sleep(5)
            await scene.answer("room", again.outbox_id, "hello again", epoch=2)
            await scene.until_settled()
        assert scene.double.on_show("room") == ["hello again"]
        assert len(scene.double.messages) == 1

    in_virtual_time(story())


def test_a_limited_or_broken_preview_does_not_hurt_the_answer() -> None:
    for fault in (Fault.LIMIT_CHAT, Fault.UNKNOWN_AFTER, Fault.REFUSED, Fault.BROKEN, Fault.HANGS):

        async def story(scene: Scene, process: Running, fault: Fault = fault) -> None:
            scene.double.script = lambda call, _: fault if call in {"typing", "draft"} else None
            final = await stream(scene, process, "room")
            await scene.until_settled()
            assert scene.double.on_show("room") == [final]

        on(TELEGRAM_PRIVATE, story)


def test_previews_are_bounded_in_number() -> None:
    chats = [f"chat {number}" for number in range(5)]

    async def story(scene: Scene, process: Running) -> None:
        for chat in chats:
            reserved = await scene.reserve(chat)
            process.previews.show(scene.target(chat, reserved.outbox_id), "hello")
        await asyncio.sleep(5)
        assert len(scene.double.messages) == 3

    on(DISCORD, story, *chats, preview_limits=PreviewLimits(most=3))

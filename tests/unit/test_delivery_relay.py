"""The relay over the push double: order, limits, doubts, deletions, draining; all in virtual time."""

import asyncio
import itertools

from bot.delivery.limits import DeliveryLimits
from bot.events import ChannelAddress
from tests.delivery_scene import as_new_process, open_scene, running
from tests.push_double import DISCORD, TELEGRAM_GROUP, TELEGRAM_PRIVATE, Fault
from tests.virtual_time import in_virtual_time


def script(*faults: Fault | None, call: str = ""):
    """The n-th call (of that kind) gets the n-th fault."""
    left = list(faults)

    def fault(made: str, _address: ChannelAddress) -> Fault | None:
        return left.pop(0) if left and call in {"", made} else None

    return fault


def test_three_parts_arrive_in_order_at_the_chats_own_rate() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann")
        async with running(scene):
            await scene.say("ann", "one", "two", "three")
            await scene.until_settled()
        assert scene.double.on_show("ann") == ["one", "two", "three"]
        times = [scene.double.first_shown(text) for text in ("one", "two", "three")]
        assert all(0.99 < later - earlier < 1.3 for earlier, later in itertools.pairwise(times))
        assert scene.double.broken == 0

    in_virtual_time(story())


def test_a_limited_chat_waits_exactly_and_delays_nobody_else() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann", "bob")
        scene.double.script = script(Fault.LIMIT_CHAT)
        start = asyncio.get_running_loop().time()
        async with running(scene):
            await scene.say("ann", "for ann")
            await asyncio.sleep(0.1)
            await scene.say("bob", "for bob")
            await scene.until_settled()
        assert scene.double.first_shown("for bob") - start < 0.5
        assert 7.0 <= scene.double.first_shown("for ann") - start < 7.3
        assert scene.double.broken == 0

    in_virtual_time(story())


def test_a_limited_account_waits_as_a_whole_also_after_a_restart() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann", "bob")
        scene.double.script = script(Fault.LIMIT_ACCOUNT)
        start = asyncio.get_running_loop().time()
        async with running(scene):
            await scene.say("ann", "for ann")
            await asyncio.sleep(0.5)
        as_new_process(scene)
        async with running(scene):
            await scene.say("bob", "for bob")
            await scene.until_settled()
        assert 7.0 <= scene.double.first_shown("for bob") - start < 7.5
        assert scene.double.times_shown("for ann") == 1
        assert scene.double.broken == 0

    in_virtual_time(story())


def test_a_slow_chat_and_a_blocked_chat_delay_nobody_else() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "slow", "blocked", "ann")
        scene.double.slow_chats["slow"] = 25.0
        scene.double.blocked_chats.add("blocked")
        start = asyncio.get_running_loop().time()
        async with running(scene):
            for chat in scene.lanes:
                await scene.say(chat, f"to {chat}")
            await scene.until_settled()
        assert scene.double.first_shown("to ann") - start < 0.5
        assert scene.double.times_shown("to slow") == 1
        assert await scene.states("blocked") == ["failed"]

    in_virtual_time(story())


def test_an_unknown_edit_is_made_again_and_shown_once() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_GROUP, "group")
        scene.double.script = script(Fault.UNKNOWN_AFTER, Fault.UNKNOWN_BEFORE, call="edit")
        async with running(scene):
            await scene.say("group", "hello")
            await scene.say("group", "and more")
            await scene.until_settled()
        assert scene.double.on_show("group") == ["hello", "and more"]
        assert scene.double.times_shown("hello") == 1
        assert scene.tally.of["outbox", "in_doubt"] == 2

    in_virtual_time(story())


def test_a_lost_placeholder_is_left_over_but_carries_no_answer() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_GROUP, "group")
        scene.double.script = script(Fault.UNKNOWN_AFTER, call="send")
        async with running(scene):
            await scene.say("group", "hello")
            await scene.until_settled()
        assert scene.double.on_show("group") == ["…", "hello"]
        assert scene.tally.of["previews", "orphaned"] == 1

    in_virtual_time(story())


def test_a_nonce_makes_a_repeat_harmless_and_later_the_platform_is_asked() -> None:
    async def story(waited_s: float) -> tuple[int, int]:
        scene = open_scene(DISCORD, "channel")
        scene.double.script = script(Fault.UNKNOWN_AFTER)
        async with running(scene):
            await scene.say("channel", "hello")
            await asyncio.sleep(0.05)
        as_new_process(scene)
        await asyncio.sleep(waited_s)
        async with running(scene):
            await scene.until_settled()
        assert scene.double.on_show("channel") == ["hello"]
        return scene.double.calls["send"], scene.double.calls["find_sent"]

    assert in_virtual_time(story(1)) == (2, 0)
    assert in_virtual_time(story(500)) == (1, 1)


def test_what_did_not_arrive_says_the_platform_is_sent_as_new() -> None:
    async def story() -> None:
        scene = open_scene(DISCORD, "channel")
        scene.double.script = script(Fault.UNKNOWN_BEFORE)
        async with running(scene):
            await scene.say("channel", "hello")
            await asyncio.sleep(0.05)
        as_new_process(scene)
        await asyncio.sleep(500)
        async with running(scene):
            await scene.until_settled()
        assert scene.double.on_show("channel") == ["hello"]
        assert scene.double.calls["find_sent"] == 1

    in_virtual_time(story())


def test_a_plain_send_with_unknown_outcome_is_repeated_and_counted() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann")
        scene.double.script = script(Fault.UNKNOWN_AFTER, Fault.HANGS)
        async with running(scene):
            await scene.say("ann", "hello")
            await scene.until_settled()
        (row,) = await scene.rows()
        assert row.state == "sent"
        assert row.repeats == scene.tally.of["outbox_repeats", "telegram"] == 2
        assert scene.double.times_shown("hello") == 2

    in_virtual_time(story())


def test_doubt_that_nothing_settles_ends_as_failed_and_the_address_goes_on() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann")
        async with running(scene, limits=DeliveryLimits(most_repeats=3)):
            scene.double.script = lambda _call, _address: Fault.UNKNOWN_BEFORE
            await scene.say("ann", "hello")
            while "failed" not in await scene.states():
                await asyncio.sleep(1)
            scene.double.script = script()
            await scene.say("ann", "next")
            await scene.until_settled()
        assert await scene.states() == ["failed", "sent"]
        assert scene.double.on_show("ann") == ["next"]

    in_virtual_time(story())


def test_a_refused_text_fails_at_once_and_the_next_goes_on() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann")
        scene.double.refused_texts.add("bad")
        async with running(scene):
            await scene.say("ann", "bad")
            await scene.say("ann", "good")
            await scene.until_settled()
        assert await scene.states() == ["failed", "sent"]
        assert scene.double.calls["send"] == 2

    in_virtual_time(story())


def test_an_adapters_mistake_is_an_unknown_outcome_and_counted() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann")
        scene.double.script = script(Fault.BROKEN)
        async with running(scene):
            await scene.say("ann", "hello")
            await scene.until_settled()
        assert scene.tally.of["failures", "delivery"] == 1
        assert scene.double.on_show("ann") == ["hello"]

    in_virtual_time(story())


def test_a_preview_deleted_under_us_becomes_a_new_message() -> None:
    async def story() -> None:
        scene = open_scene(DISCORD, "channel")
        async with running(scene) as process:
            reserved = await scene.reserve("channel")
            process.previews.show(scene.target("channel", reserved.outbox_id), "hel")
            await asyncio.sleep(3)
            scene.double.take_away("m1")
            await scene.answer("channel", reserved.outbox_id, "hello")
            await scene.until_settled()
        assert scene.double.on_show("channel") == ["hello"]

    in_virtual_time(story())


def test_stopping_finishes_what_is_under_way_and_starts_nothing() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann", "bob")
        scene.double.slow_chats["ann"] = 5.0
        async with running(scene) as process:
            await scene.say("ann", "one")
            await asyncio.sleep(1)
            process.relay.stop()
            await scene.say("bob", "two")
            await asyncio.wait_for(process.task, 10)
        assert await scene.states() == ["sent", "ready"]

    in_virtual_time(story())


def test_stopping_is_bounded_and_the_next_process_settles_what_was_left() -> None:
    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE, "ann")
        scene.double.script = script(Fault.HANGS)
        async with running(scene) as process:
            await scene.say("ann", "one")
            await asyncio.sleep(1)
            process.relay.stop()
            await asyncio.wait_for(process.task, 10.5)
        assert await scene.states() == ["sending"]
        as_new_process(scene)
        async with running(scene):
            await scene.until_settled()
        assert scene.double.on_show("ann") == ["one"]

    in_virtual_time(story())

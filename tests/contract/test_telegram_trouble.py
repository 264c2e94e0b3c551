"""Limits and scripted faults: what a bot meets when it speaks too much, and when the network or the platform is ill."""

import asyncio

import pytest
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)

from tests.contract.telegram_scene import Scene, telegram
from tests.telegram_server import Fault, Limits

TIGHT = Limits(private_per_s=1.0, private_burst=2, group_per_min=20, group_burst=3, bot_burst=6, draft_burst=2, penalty_s=2.0)


async def spoken_until_refused(scene: Scene, chat_id: int, most: int = 50) -> tuple[int, int]:
    """How many messages went through, and the seconds asked to wait."""
    for number in range(most):
        try:
            await scene.bot.send_message(chat_id, str(number))
        except TelegramRetryAfter as refused:
            return number, refused.retry_after
    return most, 0


async def test_a_private_chat_takes_a_short_burst_then_one_a_second() -> None:
    async with telegram(TIGHT, frozen=True) as scene:
        assert await spoken_until_refused(scene, scene.ann.id) == (2, 3)
        scene.server.clock.advance(3)
        assert await spoken_until_refused(scene, scene.ann.id) == (2, 3)
        assert (scene.server.limited, scene.server.broken_limits) == (2, 0)


async def test_edits_share_the_budget_of_sends() -> None:
    async with telegram(TIGHT, frozen=True) as scene:
        sent = await scene.bot.send_message(scene.ann.id, "one")
        await scene.bot.edit_message_text("two", chat_id=scene.ann.id, message_id=sent.message_id)
        with pytest.raises(TelegramRetryAfter):
            await scene.bot.edit_message_text("three", chat_id=scene.ann.id, message_id=sent.message_id)
        assert scene.server.on_show(scene.ann.id) == ["two"]


async def test_a_group_takes_twenty_a_minute() -> None:
    async with telegram(TIGHT, frozen=True) as scene:
        group = scene.server.add_group("Team", scene.ann, bots=[scene.account])
        assert await spoken_until_refused(scene, group.id) == (3, 5)
        scene.server.clock.advance(5)
        assert await spoken_until_refused(scene, group.id) == (1, 3)  # five seconds fill 1.67 of the bucket


async def test_the_whole_bot_has_a_budget_too_and_one_slow_chat_does_not_use_it_up() -> None:
    async with telegram(TIGHT, frozen=True) as scene:
        people = [scene.ann, *(scene.server.add_user(f"P{number}") for number in range(4))]
        for person in people[1:]:
            person.start()
        spoken = [(await spoken_until_refused(scene, person.id))[0] for person in people]
        assert sum(spoken) == 6
        assert spoken[:3] == [2, 2, 2]


async def test_who_asks_while_told_to_wait_is_counted_and_waits_anew() -> None:
    async with telegram(TIGHT, frozen=True) as scene:
        await spoken_until_refused(scene, scene.ann.id)
        scene.server.clock.advance(2)
        with pytest.raises(TelegramRetryAfter) as refused:
            await scene.bot.send_message(scene.ann.id, "now?")
        assert refused.value.retry_after == 3
        assert scene.server.broken_limits == 1
        scene.server.clock.advance(3)
        await scene.bot.send_message(scene.ann.id, "now!")
        assert scene.server.broken_limits == 1


async def test_drafts_have_a_limit_of_their_own() -> None:
    async with telegram(TIGHT, frozen=True) as scene:
        for text in ("a", "ab"):
            await scene.bot.send_message_draft(scene.ann.id, 7, text=text)
        with pytest.raises(TelegramRetryAfter):
            await scene.bot.send_message_draft(scene.ann.id, 7, text="abc")
        scene.server.fail_next(Fault.limit(30), method="sendMessageDraft")
        with pytest.raises(TelegramRetryAfter):
            await scene.bot.send_message_draft(scene.ann.id, 7, text="abcd")
        await scene.bot.send_message(scene.ann.id, "abc")


async def test_refused_by_the_api_server_costs_nothing() -> None:
    async with telegram(TIGHT, frozen=True) as scene:
        for _ in range(5):
            with pytest.raises(Exception, match="text must be non-empty"):
                await scene.bot.send_message(scene.ann.id, " ")
        assert (await spoken_until_refused(scene, scene.ann.id))[0] == 2


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        (Fault.limit(7), TelegramRetryAfter, False),
        (Fault.limit(7, whole_bot=True), TelegramRetryAfter, False),
        (Fault.error(500), TelegramServerError, False),
        (Fault.error(502), TelegramServerError, False),
        (Fault.error(502, done=True), TelegramServerError, True),
        (Fault.reset(), TelegramNetworkError, False),
        (Fault.lost_answer(), TelegramNetworkError, True),
        (Fault.hang(0.1), TelegramNetworkError, False),
        (Fault.hang(0.1, done=True), TelegramNetworkError, True),
        (Fault.html(), ClientDecodeError, True),
        (Fault.html(done=False, status=502), ClientDecodeError, False),
        (Fault.truncated(), ClientDecodeError, True),
    ],
)
async def test_a_fault_is_what_aiogram_calls_it_and_took_effect_or_not(fault: Fault, error: type[Exception], done: bool) -> None:
    async with telegram() as scene:
        scene.server.fail_next(fault, method="sendMessage")
        with pytest.raises(error):
            await scene.bot.send_message(scene.ann.id, "hello")
        assert scene.server.on_show(scene.ann.id) == (["hello"] if done else [])


async def test_a_client_gives_up_a_call_that_hangs() -> None:
    async with telegram() as scene:
        scene.server.fail_next(Fault.hang())
        with pytest.raises(TelegramNetworkError, match="Request timeout error"):
            await scene.bot.send_message(scene.ann.id, "hello", request_timeout=1)


async def test_a_slow_answer_comes_late_but_the_message_is_there_at_once() -> None:
    async with telegram() as scene:
        scene.server.fail_next(Fault.slow(30.0))
        sending = asyncio.create_task(scene.bot.send_message(scene.ann.id, "hello"))
        await scene.server.seen("hello")
        assert not sending.done()
        scene.server.cut_connections()
        with pytest.raises(TelegramNetworkError):
            await sending


async def test_a_fault_can_be_planned_for_several_calls_of_one_chat() -> None:
    async with telegram() as scene:
        bob = scene.server.add_user("Bob")
        bob.start()
        scene.server.fail_next(Fault.error(500), chat_id=scene.ann.id, times=2)
        await scene.bot.send_message(bob.id, "not meant")
        for _ in range(2):
            with pytest.raises(TelegramServerError):
                await scene.bot.send_message(scene.ann.id, "lost")
        await scene.bot.send_message(scene.ann.id, "through")
        place = scene.server.log.count
        await scene.bot.send_message(scene.ann.id, "later")
        assert [seen.text for seen in scene.server.log.since(place)] == ["later"]


async def test_a_script_chooses_by_method_and_chat() -> None:
    async with telegram() as scene:
        bob = scene.server.add_user("Bob")
        bob.start()
        scene.server.fault = lambda method, chat_id: Fault.error(500) if (method, chat_id) == ("sendMessage", bob.id) else None
        await scene.bot.send_message(scene.ann.id, "hello")
        with pytest.raises(TelegramServerError, match="Internal Server Error"):
            await scene.bot.send_message(bob.id, "hello")
        assert scene.server.troubled == {"status": 1}
        assert scene.server.calls["sendMessage"] == 2


async def test_a_storm_of_429_names_the_wait_and_whom_it_holds() -> None:
    async with telegram(Limits(), frozen=True) as scene:
        scene.server.fail_next(Fault.limit(9), chat_id=scene.ann.id)
        with pytest.raises(TelegramRetryAfter) as refused:
            await scene.bot.send_message(scene.ann.id, "hello")
        assert refused.value.retry_after == 9
        bob = scene.server.add_user("Bob")
        bob.start()
        await scene.bot.send_message(bob.id, "another chat is free")
        scene.server.fail_next(Fault.limit(9, whole_bot=True))
        for person in (bob, scene.ann):
            with pytest.raises(TelegramRetryAfter):
                await scene.bot.send_message(person.id, "nobody is")
        scene.server.clock.advance(10)
        await scene.bot.send_message(bob.id, "free again")


async def test_a_poll_whose_answer_is_lost_gets_the_same_updates_again() -> None:
    async with telegram() as scene:
        scene.ann.say("hello")
        scene.server.fail_next(Fault.lost_answer(), method="getUpdates")
        with pytest.raises(TelegramNetworkError):
            await scene.updates()
        assert [each["message"]["text"] for each in await scene.updates()] == ["hello"]


async def test_waiting_in_vain_tells_what_was_seen() -> None:
    async with telegram() as scene:
        await scene.bot.send_message(scene.ann.id, "something else")
        with pytest.raises(TimeoutError, match="something else"):
            await scene.server.seen("never said", timeout_s=0.05)

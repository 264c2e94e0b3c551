"""The poll loop: the offset moves behind what is stored, poison holds up nobody, and every trouble has its wait."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiogram.methods import DeleteWebhook, TelegramMethod

from adapters.telegram.acknowledging import Acknowledger
from adapters.telegram.methods import ALLOWED_UPDATES, GetRawUpdates
from adapters.telegram.polling import FRESH_S, GARBAGE_S, Offset, Polling
from adapters.telegram.reception import Reception
from adapters.telegram.waiting import Patience, Troubles
from bot.events import ButtonPressed, Undecodable
from tests.telegram_double import ACCOUNT, ANN, ME, LogLines, MemoryIntake, Reply, fine, message, refused, said, scripted, update
from tests.unit.test_telegram_translate import NOW

AT = 1_790_000_000.0


class Over(Exception):
    """The script is at its end."""


class Scene:
    """Polling over a script: replies to getUpdates one by one (deleteWebhook is let through), waits noted and not waited."""

    def __init__(self, *replies: Reply, position: str = "", away: int = 0) -> None:
        self.replies, self.waits, self.now = list(replies), [], AT
        self.intake = MemoryIntake(away=away, positions={"": position} if position else {})
        bot, self.session = scripted(self._reply)
        self.reception = Reception(ACCOUNT, self.intake, Acknowledger(bot, Counter()), lambda: NOW)
        patience = Patience(Troubles("main"), chance=lambda: 0.5, sleep=self._sleep)
        self.polling = Polling(bot, ACCOUNT, self.reception, self.intake, patience, long_poll_s=50, clock=lambda: self.now)

    def _reply(self, method: TelegramMethod[Any]) -> Reply | BaseException:
        if isinstance(method, GetRawUpdates):
            return self.replies.pop(0) if self.replies else Over()
        return fine(True)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def run(self) -> "Scene":
        with pytest.raises(Over):
            await self.polling.run(ME)
        return self

    @property
    def polls(self) -> list[GetRawUpdates]:
        return [method for method in self.session.asked if isinstance(method, GetRawUpdates)]

    @property
    def offsets(self) -> list[int | None]:
        return [poll.offset for poll in self.polls]


async def test_the_webhook_is_taken_away_first_and_nothing_that_waits_is_dropped() -> None:
    scene = await Scene(fine([])).run()
    first, second = scene.session.asked[:2]
    assert isinstance(first, DeleteWebhook)
    assert first.drop_pending_updates is False
    assert isinstance(second, GetRawUpdates)
    assert (second.limit, second.timeout, second.allowed_updates) == (100, 50, ALLOWED_UPDATES)


async def test_the_offset_moves_only_behind_what_is_stored() -> None:
    scene = await Scene(fine([said("one", 5), said("two", 6)]), fine([]), fine([said("three", 7)])).run()
    assert scene.offsets == [None, 7, 7, 8]
    assert scene.intake.texts == ["one", "two", "three"]
    assert scene.intake.batches == [2, 1]


async def test_a_batch_that_cannot_be_stored_is_offered_again_and_nothing_else_is_fetched() -> None:
    scene = await Scene(fine([said("one", 5)]), away=3).run()
    assert scene.waits == [1.5, 1.5, 1.5]
    assert scene.intake.texts == ["one"]
    assert scene.offsets == [None, 6]


async def test_poison_in_a_batch_holds_up_nobody() -> None:
    """One of a shape that nobody reads, one of an unknown kind, one that is no object: 97 others go through at once."""
    batch = [said(f"{number}", number) for number in range(1, 101)]
    batch[10], batch[50], batch[99] = update(11, message={"message_id": "?"}), update(51, telepathy={}), "what?"
    scene = await Scene(fine(batch)).run()
    dead = [one for one in scene.intake.stored.values() if isinstance(one.event, Undecodable)]
    assert len(scene.intake.texts) == 97
    assert len(dead) == 3
    assert scene.intake.batches == [100]
    assert scene.offsets == [None, 100]  # behind the last that has an id


async def test_updates_without_any_id_are_kept_and_not_asked_for_at_once_again() -> None:
    scene = await Scene(fine(["a", "b"]), fine(["a", "b"])).run()
    assert scene.waits == [GARBAGE_S, GARBAGE_S]
    assert len(scene.intake.stored) == 2
    assert scene.offsets == [None, None, None]


async def test_a_repeated_batch_is_stored_once() -> None:
    scene = await Scene(fine([said("one", 5)]), fine([said("one", 5), said("two", 6)])).run()
    assert scene.intake.texts == ["one", "two"]


async def test_ids_that_begin_anew_are_followed_downwards() -> None:
    """After a quiet week ids are random: nothing compares with the greatest one."""
    scene = await Scene(fine([said("old", 900)]), fine([said("new", 5)])).run()
    assert scene.offsets == [None, 901, 6]
    assert scene.intake.texts == ["old", "new"]


async def test_the_offset_is_stored_with_the_last_of_its_batch() -> None:
    scene = await Scene(fine([said("one", 5), said("two", 6)])).run()
    assert scene.intake.positions == {"": f"7@{int(AT)}@{ME.id}"}
    one, two = scene.intake.stored.values()
    assert (one.cursor, two.cursor is None) == (None, False)


@pytest.mark.parametrize(
    ("position", "offset"),
    [
        (f"7@{int(AT - 60)}@{ME.id}", 7),
        (f"7@{int(AT - FRESH_S - 1)}@{ME.id}", None),  # ids may have begun anew: a stale offset would confirm what nobody saw
        (f"7@{int(AT + 3600)}@{ME.id}", None),  # a clock that went backwards
        (f"7@{int(AT - 60)}@99", None),  # another bot's queue
        ("7", None),
        ("seven@eight@nine", None),
        ("", None),
    ],
)
async def test_a_stored_offset_is_used_while_it_is_fresh_and_ours(position: str, offset: int | None) -> None:
    assert (await Scene(fine([]), position=position).run()).offsets[0] == offset


async def test_an_offset_grows_stale_while_nothing_comes() -> None:
    scene = Scene(fine([said("one", 5)]), fine([]), fine([]))
    passing = iter([0.0, 10.0, FRESH_S - 1, FRESH_S])  # when it was stored, then before each poll
    scene.polling._clock = lambda: AT + next(passing)
    await scene.run()
    assert scene.offsets == [None, 6, 6, None]


def test_an_offset_is_read_as_it_was_written() -> None:
    offset = Offset(8, 1_790_000_000.0, 77)
    assert Offset.parsed(offset.position) == offset


@pytest.mark.parametrize(
    ("trouble", "waits"),
    [
        ([refused(429, "Too Many Requests: retry after 9", retry_after=9)], [9.0]),
        ([refused(409, "Conflict: terminated by other getUpdates request")] * 3, [10.0] * 3),
        ([refused(401, "Unauthorized")] * 2, [60.0, 60.0]),
        ([refused(502, "Bad Gateway")] * 7, [0.75, 1.5, 3.0, 6.0, 12.0, 22.5, 22.5]),
        ([(200, "<html>hotel</html>"), fine("no list"), fine(None)], [0.75, 1.5, 3.0]),
    ],
)
async def test_each_trouble_has_its_wait_and_ends_it(trouble: list[Reply], waits: list[float]) -> None:
    scene = await Scene(*trouble, fine([said("one", 5)])).run()
    assert scene.waits == waits
    assert scene.intake.texts == ["one"]
    assert scene.offsets == [None] * (len(trouble) + 1) + [6]


@pytest.mark.parametrize("trouble", [refused(409, "Conflict: x"), refused(401, "Unauthorized"), refused(502, "Bad Gateway")])
async def test_a_lasting_trouble_is_said_in_one_line(trouble: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LogLines.of("adapters.telegram.waiting", monkeypatch)
    await Scene(*[trouble] * 9, fine([]), fine([])).run()
    assert [line["event"] for line in lines] == ["telegram.trouble", "telegram.trouble_over"]
    assert lines[0]["advice"]


async def test_a_single_broken_connection_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LogLines.of("adapters.telegram.waiting", monkeypatch)
    await Scene(refused(502, "Bad Gateway"), fine([]), refused(502, "Bad Gateway"), fine([])).run()
    assert lines == []


async def test_presses_are_answered_after_they_are_stored(answered: Callable[[Scene], list[tuple[str, str | None]]]) -> None:
    press = {"id": "99", "from": ANN, "message": message("?"), "data": "row:1"}
    scene = Scene(fine([update(5, callback_query=press), update(6, callback_query=press | {"id": "98", "data": None})]))
    scene.intake.say = "Noted"
    await scene.run()
    await asyncio.sleep(0)
    assert answered(scene) == [("99", "Noted"), ("98", None)]
    assert [type(one.event) for one in scene.intake.stored.values()] == [ButtonPressed]


@pytest.fixture
def answered() -> Callable[[Scene], list[tuple[str, str | None]]]:
    from aiogram.methods import AnswerCallbackQuery

    return lambda scene: [
        (method.callback_query_id, method.text) for method in scene.session.asked if isinstance(method, AnswerCallbackQuery)
    ]

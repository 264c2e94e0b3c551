"""The two screens over an embedded dialogue: what a person types and sees."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from adapters.terminal import exchange, plain
from adapters.terminal.embedded import EmbeddedChat
from adapters.terminal.plain import PlainScreen
from adapters.terminal.screen import LiveScreen
from bot.errors import StoreUnavailable
from bot.events import Author, ChannelAddress, Receipt, Received
from bot.views import ChatEvent
from tests.house import House, address, open_house
from tests.terminal import Keys, Paper, piped, seated

Step = str | Callable[[LiveScreen], Awaitable[None]]


def chat(house: House, start: str = "one") -> EmbeddedChat:
    return EmbeddedChat(house.intake, house.record, address("ann"), Author("ann"), start=start)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


def held(house: House, after: int = 0) -> asyncio.Event:
    """Answers stop after some pieces until the gate is opened."""
    house.node.behaviour.gate, house.node.behaviour.gate_after = asyncio.Event(), after
    return house.node.behaviour.gate


async def test_lines_are_answered_and_the_last_answer_is_waited_for(house: House) -> None:
    assert await piped(chat(house), "hello") == ["bot: You said: hello"]


async def test_a_file_of_questions_is_answered_one_after_the_other(house: House) -> None:
    assert await piped(chat(house), "one", "", "two", "three") == [f"bot: You said: {word}" for word in ("one", "two", "three")]
    assert [role for role, _ in await house.dialogue("ann")] == ["customer", "bot"] * 3


async def test_a_word_that_leaves_waits_for_the_last_answer_too(house: House) -> None:
    assert await piped(chat(house), "hello", "/quit", "never read") == ["bot: You said: hello"]


async def test_history_is_there_on_the_next_start(house: House) -> None:
    await piped(chat(house), "hello")
    assert (await piped(chat(house, "two"), "again")) == ["you: hello", "bot: You said: hello", "bot: You said: again"]


async def test_of_a_long_history_the_end_is_shown(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await piped(chat(house), "one", "two")
    monkeypatch.setattr(exchange, "MOST_HISTORY", 1)
    assert await piped(chat(house, "two")) == ["note: 3 earlier messages are not shown.", "bot: You said: two"]


async def test_a_new_conversation_begins_with_a_word(house: House) -> None:
    await piped(chat(house), "hello")
    assert (await piped(chat(house, "two"), "/new", "fresh"))[-2:] == ["note: A new conversation.", "bot: You said: fresh"]
    assert await house.dialogue("ann") == [("customer", "fresh"), ("bot", "You said: fresh")]


async def test_model_text_cannot_write_on_the_terminal(house: House) -> None:
    house.node.behaviour.script = lambda _: "\x1b[2J\x1b]0;owned\x07\x9b31mdone\x1b"
    assert await piped(chat(house), "hello") == ["bot: done"]


async def test_stray_bytes_and_control_characters_are_not_sent(house: House) -> None:
    assert await piped(chat(house), "a\x00b\udcffc\td") == ["bot: You said: abc    d"]
    assert (await house.dialogue("ann"))[0] == ("customer", "abc\td")


async def test_what_a_person_types_during_an_answer_is_sent_at_once(house: House) -> None:
    gate = held(house)
    async with seated(chat(house)) as (keys, paper, _):
        keys.type("one", "two")
        await house.until(lambda: bool(house.node.prompts) and house.node.prompts[-1][-1]["content"].endswith("two"))
        gate.set()
        await paper.until("two")
    assert [role for role, _ in await house.dialogue("ann")] == ["customer", "customer", "bot"]


async def test_a_person_may_paste_more_lines_than_can_wait(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_UNSENT", 2)
    async with seated(chat(house)) as (keys, _, _):
        keys.type(*(f"line {number}" for number in range(8)))
    said = [text for role, text in await house.dialogue("ann") if role == "customer"]
    assert said == [f"line {number}" for number in range(8)]


async def test_ctrl_c_in_a_plain_terminal_ends_the_answer_then_leaves(house: House) -> None:
    held(house, 2)
    async with seated(chat(house)) as (keys, paper, screen):
        keys.type("a long story")
        await house.until(lambda: screen._exchange.talk.preview == "You said:")
        screen.interrupt()
        await paper.until("bot: You said: [stopped]")
        screen.interrupt()
    assert (await house.dialogue("ann"))[-1] == ("bot", "You said:")


class DeafChat(EmbeddedChat):
    """Never hears a stop."""

    async def stop(self) -> None:
        await asyncio.Event().wait()


async def test_a_second_ctrl_c_leaves_where_the_answer_cannot_be_ended(house: House) -> None:
    held(house)
    deaf = DeafChat(house.intake, house.record, address("ann"), Author("ann"), start="one")
    async with seated(deaf) as (keys, _, screen):
        keys.type("a long story")
        await house.until(lambda: bool(screen._exchange.talk.open) and not screen._exchange.talk.unsent)
        screen.interrupt()
        assert not screen._leaving.is_set()
        screen.interrupt()
        assert screen._leaving.is_set()


async def test_a_typed_stop_does_not_wait_for_the_answer_it_ends(house: House) -> None:
    held(house, 2)
    async with seated(chat(house), person=False) as (keys, paper, screen):
        keys.type("a long story")
        await house.until(lambda: screen._exchange.talk.preview == "You said:")
        keys.type("/stop")
    assert paper.lines == ["bot: You said: [stopped]"]


async def test_an_answer_that_never_comes_is_not_waited_for_without_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    held(house)
    monkeypatch.setattr(plain, "PATIENCE_S", 0.05)
    assert await piped(chat(house), "hello") == ["note: No answer came."]


async def test_a_reader_that_went_away_ends_the_screen(house: House) -> None:
    class Torn(Paper):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await PlainScreen(chat(house), Keys("hello").lines(), Torn(), columns=lambda: 80, person=False).run()


class LockedIntake:
    """An intake that stores, but `times` times cannot say so: the database is locked by then."""

    def __init__(self, house: House, times: int) -> None:
        self._intake = house.intake
        self._times = times

    async def receive(self, batch: Sequence[Received]) -> Sequence[Receipt]:
        receipts = await self._intake.receive(batch)
        if self._times:
            self._times -= 1
            raise StoreUnavailable("locked", retry_after_s=0.01)
        return receipts


class NoIntake:
    """An intake whose database stays away."""

    async def receive(self, _: Sequence[Received]) -> Sequence[Receipt]:
        raise StoreUnavailable("away", retry_after_s=0.01)


async def test_a_locked_database_costs_no_message_and_repeats_none(house: House) -> None:
    await house.begin_anew("ann")
    locked = EmbeddedChat(LockedIntake(house, 2), house.record, address("ann"), Author("ann"), start="one")
    assert await piped(locked, "hello") == ["bot: You said: hello"]
    assert await house.dialogue("ann") == [("customer", "hello"), ("bot", "You said: hello")]


class FlakyRecord:
    """A record whose first follower finds the database gone."""

    def __init__(self, house: House) -> None:
        self._record = house.record
        self._away = True
        self.turns = house.record.turns

    async def follow(self, place: ChannelAddress, cursor: str | None) -> AsyncIterator[ChatEvent]:
        if self._away:
            self._away = False
            raise StoreUnavailable("away", retry_after_s=0.01)
        async for event in self._record.follow(place, cursor):
            yield event


async def test_a_database_that_was_away_is_told_and_followed_again(house: House) -> None:
    flaky = EmbeddedChat(house.intake, FlakyRecord(house), address("ann"), Author("ann"), start="one")
    async with seated(flaky, person=False) as (keys, paper, _):
        await paper.until("The connection is back.")
        keys.type("hello")
    told = ["connection is lost" in paper.lines[0], "is back" in paper.lines[-2], paper.lines[-1]]
    assert told == [True, True, "bot: You said: hello"]


async def test_what_was_typed_last_and_not_sent_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.begin_anew("ann")
    monkeypatch.setattr(exchange, "LEAVE_WITHIN_S", 0.05)
    locked = EmbeddedChat(NoIntake(), house.record, address("ann"), Author("ann"), start="one")
    async with seated(locked) as (keys, paper, screen):
        keys.type("hello")
        await house.until(lambda: screen._exchange.talk.unsent == 1)
        screen.interrupt()
    assert paper.lines[-1] == "note: What you typed last may not have arrived."


async def live(house: House, *steps: Step) -> None:
    with create_pipe_input() as keyboard:
        screen = LiveScreen(chat(house), given=keyboard, shown=DummyOutput())
        async with asyncio.timeout(20):
            running = asyncio.create_task(screen.run())
            for step in steps:
                if isinstance(step, str):
                    keyboard.send_text(step)
                else:
                    await step(screen)
            await running


def until(house: House, condition: Callable[[LiveScreen], bool]) -> Callable[[LiveScreen], Awaitable[None]]:
    return lambda screen: house.until(lambda: condition(screen))


async def answered(screen: LiveScreen) -> None:
    await screen._exchange.answered()


async def test_the_live_screen_answers_and_leaves_at_ctrl_d(house: House) -> None:
    await live(house, "hello\r", until(house, lambda screen: screen._exchange.talk.waits), answered, "\x04")
    assert await house.dialogue("ann") == [("customer", "hello"), ("bot", "You said: hello")]


async def test_a_message_typed_just_before_leaving_is_sent(house: House) -> None:
    await live(house, "hello\r/quit\r")
    assert (await house.dialogue("ann"))[0] == ("customer", "hello")


async def test_lines_pasted_together_are_one_message(house: House) -> None:
    await live(house, "\x1b[200~one\ntwo\x1b[201~\r", until(house, lambda screen: screen._exchange.talk.waits), answered, "\x04")
    assert (await house.dialogue("ann"))[0] == ("customer", "one\ntwo")


async def test_the_answer_grows_above_the_input_line_and_fits_it(house: House) -> None:
    house.node.behaviour.script = lambda _: "word " * 500
    gate = held(house, 400)
    grown = until(house, lambda screen: screen._above.count("word") > 50)

    async def fits(screen: LiveScreen) -> None:
        lines = screen._above.splitlines()
        assert len(lines) <= 12
        assert all(len(line) <= 80 for line in lines)
        gate.set()

    await live(house, "hello\r", grown, fits, answered, "\x04")


async def test_ctrl_c_stops_the_answer_then_clears_the_line_then_leaves(house: House) -> None:
    held(house, 2)
    growing = until(house, lambda screen: screen._exchange.talk.preview == "You said:")
    stopped = until(house, lambda screen: not screen._exchange.talk.stoppable)
    typed = until(house, lambda screen: screen._session.default_buffer.text == "half")
    cleared = until(house, lambda screen: not screen._session.default_buffer.text)
    await live(house, "a long story\r", growing, "\x03", stopped, "half", typed, "\x03", cleared, "\x03")
    assert (await house.dialogue("ann"))[-1] == ("bot", "You said:")
    await house.until(lambda: house.node.running == 0)

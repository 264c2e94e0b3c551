"""The two screens over an embedded dialogue: what a person types and sees."""

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from adapters.terminal.embedded import EmbeddedChat
from adapters.terminal.plain import PlainScreen
from adapters.terminal.screen import LiveScreen
from bot.events import Author
from tests.house import House, address, open_house


def chat(house: House, start: str = "one") -> EmbeddedChat:
    return EmbeddedChat(house.intake, house.record, address("ann"), Author("ann"), start=start)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


async def plain(house: House, typed: str, start: str = "one") -> list[str]:
    shown = io.StringIO()
    async with asyncio.timeout(20):
        await PlainScreen(chat(house, start), io.StringIO(typed), shown).run()
    return shown.getvalue().splitlines()


async def test_lines_are_answered_and_the_last_answer_is_waited_for(house: House) -> None:
    assert await plain(house, "hello\n") == ["bot: You said: hello"]


async def test_history_is_there_on_the_next_start(house: House) -> None:
    await plain(house, "hello\n")
    assert (await plain(house, "again\n", "two"))[-3:] == ["you: hello", "bot: You said: hello", "bot: You said: again"]


async def test_a_new_conversation_begins_with_a_word(house: House) -> None:
    await plain(house, "hello\n")
    assert (await plain(house, "/new\nfresh\n", "two"))[-2:] == ["note: A new conversation.", "bot: You said: fresh"]
    assert await house.dialogue("ann") == [("customer", "fresh"), ("bot", "You said: fresh")]


async def test_model_text_cannot_write_on_the_terminal(house: House) -> None:
    house.node.behaviour.script = lambda _: "\x1b[2J\x1b]0;owned\x07done"
    assert (await plain(house, "hello\n"))[-1] == "bot: done"


async def live(house: House, *steps: object) -> None:
    with create_pipe_input() as keyboard:
        screen = LiveScreen(chat(house), given=keyboard, shown=DummyOutput())
        async with asyncio.timeout(20):
            running = asyncio.create_task(screen.run())
            for step in steps:
                if isinstance(step, str):
                    keyboard.send_text(step)
                else:
                    await step(screen)  # type: ignore[operator]
            await running


async def test_the_live_screen_answers_and_leaves_at_ctrl_d(house: House) -> None:
    async def answered(_: LiveScreen) -> None:
        await house.answer("ann", 1)

    async def printed(screen: LiveScreen) -> None:
        await house.until(lambda: not screen._talk.waits)

    async def sent(screen: LiveScreen) -> None:
        await house.until(lambda: screen._talk.waiting_for == 1)

    await live(house, "hello\r", sent, answered, printed, "\x04")
    assert await house.dialogue("ann") == [("customer", "hello"), ("bot", "You said: hello")]


async def test_ctrl_c_stops_the_answer_and_then_leaves(house: House) -> None:
    house.node.behaviour.gate = asyncio.Event()
    house.node.behaviour.gate_after = 2

    async def growing(screen: LiveScreen) -> None:
        await house.until(lambda: screen._talk.preview == "You said:")

    async def stopped(screen: LiveScreen) -> None:
        await house.until(lambda: not screen._talk.answering)

    await live(house, "a long story\r", growing, "\x03", stopped, "\x03")
    assert (await house.dialogue("ann"))[-1] == ("bot", "You said:")
    await house.until(lambda: house.node.running == 0)

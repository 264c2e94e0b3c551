"""A terminal of its own: the input line stays at the bottom, the answer grows above it, finished messages scroll up."""

import asyncio
import shutil

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.patch_stdout import patch_stdout

from adapters.terminal.chat import Chat
from adapters.terminal.exchange import ADVICE, FRESH, HELP, LEAVE, STOP, Exchange
from adapters.terminal.words import say

# of the answer being made; the whole is printed when it is complete
LIVE_LINES = 12
REDRAW_S = 0.05
COMMANDS = FRESH | {STOP}


class LiveScreen:
    """Runs until Ctrl-D, Ctrl-C at an empty line, or /quit."""

    def __init__(self, chat: Chat, *, given: Input | None = None, shown: Output | None = None) -> None:
        self._exchange = Exchange(chat, show=_print, changed=self._redraw, columns=_columns)
        self._above = ""
        self._session: PromptSession[str] = PromptSession(
            message=self._prompt, key_bindings=self._keys(), erase_when_done=True, input=given, output=shown
        )
        self._session.app.min_redraw_interval = REDRAW_S

    async def run(self) -> None:
        with patch_stdout(raw=True):
            self._exchange.note(ADVICE)
            await self._exchange.open()
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self._exchange.run())
                while await self._ask():
                    pass
                await self._exchange.leave()
                running.cancel()

    async def _ask(self) -> bool:
        """One line typed and acted on; False when the person leaves."""
        try:
            text = (await self._session.prompt_async()).strip()
        except (EOFError, KeyboardInterrupt):
            return False
        if text in LEAVE:
            return False
        if text == HELP:
            self._exchange.note(ADVICE)
        elif text:
            if text not in COMMANDS:
                _print(say("you", text, _columns()))
            self._exchange.submit(text)
        return True

    def _redraw(self) -> None:
        """Lay out what stands above the input line: the end of the answer being made, or what is waited for."""
        talk, above = self._exchange.talk, ""
        if talk.preview:
            room = max(1, min(LIVE_LINES, shutil.get_terminal_size().lines - 4))
            above = "\n".join(say("bot", talk.preview, _columns()).split("\n")[-room:])
        elif talk.unsent:
            above = "sending ..."
        elif talk.stoppable:
            above = talk.place or "bot: ..."
        self._above = f"{above}\n" if above else ""
        self._session.app.invalidate()

    def _prompt(self) -> FormattedText:
        return FormattedText([("italic", self._above), ("bold", "> ")])

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c")
        @keys.add("<sigint>")  # pressed while a message is being printed, it comes as a signal
        def _(event: KeyPressEvent) -> None:
            """Ends the answer being made; else clears the line; else leaves."""
            if self._exchange.can_stop:
                self._exchange.stop()
            elif event.current_buffer.text:
                event.current_buffer.reset()
            else:
                event.app.exit(exception=KeyboardInterrupt)

        return keys


def _print(text: str) -> None:
    print(text)  # noqa: T201  patched: it goes above the input line


def _columns() -> int:
    return shutil.get_terminal_size((80, 24)).columns

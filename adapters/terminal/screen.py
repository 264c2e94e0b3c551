"""A terminal of its own: the input line stays at the bottom, the answer grows above it, finished messages scroll up."""

import asyncio
import shutil

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.patch_stdout import patch_stdout

from adapters.terminal.chat import Chat, Refused
from adapters.terminal.talk import HELP, Talk
from adapters.terminal.turns import printed
from adapters.terminal.words import say

LIVE_LINES = 12


class LiveScreen:
    """Runs until Ctrl-D, Ctrl-C at an empty line, or /quit."""

    def __init__(self, chat: Chat, *, given: Input | None = None, shown: Output | None = None) -> None:
        self._chat = chat
        self._talk = Talk(_columns())
        self._session: PromptSession[str] = PromptSession(
            message=self._prompt, key_bindings=self._keys(), erase_when_done=True, input=given, output=shown
        )
        self._stopping: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        with patch_stdout(raw=True):
            print(HELP)  # noqa: T201
            for view in await self._chat.history():
                print(printed(view, self._talk.columns))  # noqa: T201
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._listen())
                while await self._ask():
                    pass
                listening.cancel()

    async def _ask(self) -> bool:
        """One line typed and acted on; False when the person leaves."""
        try:
            line = (await self._session.prompt_async()).strip()
        except (EOFError, KeyboardInterrupt):
            return False
        if line in {"/quit", "/exit"}:
            return False
        if line == "/help":
            print(HELP)  # noqa: T201
        elif line:
            await self._say(line)
        return True

    async def _say(self, line: str) -> None:
        if not line.startswith("/"):
            print(say("you", line, self._talk.columns))  # noqa: T201
        answer = await self._chat.say(line)
        if isinstance(answer, Refused):
            print(say("note", answer.reason, self._talk.columns))  # noqa: T201
        elif answer is not None:
            self._talk.said(answer)
            self._session.app.invalidate()

    async def _listen(self) -> None:
        async for happening in self._chat.events():
            self._talk.columns = _columns()
            printed = self._talk.hear(happening)
            if printed is not None:
                print(printed)  # noqa: T201
            self._session.app.invalidate()

    def _prompt(self) -> FormattedText:
        """What stands at the bottom: the end of the answer being made, then the input line."""
        above = ""
        if self._talk.preview:
            lines = say("bot", self._talk.preview, self._talk.columns).splitlines()
            above = "\n".join(lines[-LIVE_LINES:]) + "\n"
        elif self._talk.answering or self._talk.waits:
            above = "bot: ...\n"
        return FormattedText([("italic", above), ("bold", "> ")])

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            """Ends the answer being made; else clears the line; else leaves."""
            if self._talk.answering:
                task = asyncio.ensure_future(self._chat.stop())
                self._stopping.add(task)
                task.add_done_callback(self._stopping.discard)
            elif event.current_buffer.text:
                event.current_buffer.reset()
            else:
                event.app.exit(exception=KeyboardInterrupt)

        return keys


def _columns() -> int:
    return shutil.get_terminal_size((80, 24)).columns

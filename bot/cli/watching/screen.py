"""The view on a terminal: drawn anew every few seconds until somebody leaves, or printed once."""

import asyncio
import contextlib
import signal
import sys
import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bot.cli.watching.drawing import draw
from bot.cli.watching.keyboard import keys
from bot.cli.watching.watch import View, Watch

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEAVING = ("q", "Q", "\x03", "\x04", "")


async def once(watch: Watch, console: Console, every_s: float) -> bool:
    """Look twice, `every_s` seconds apart, and print; whether the node was there."""
    await watch.look()
    await asyncio.sleep(every_s)
    view = await watch.look()
    console.print(draw(view, console, _heading()))
    return view.node is not None


class Screen:
    """The whole terminal, given back at the end."""

    def __init__(self, watch: Watch, console: Console, every_s: float) -> None:
        self._watch = watch
        self._console = console
        self._every_s = every_s
        self._view: View | None = None
        self._leaving = asyncio.Event()

    async def run(self) -> None:
        """Until q, Ctrl-C or a signal to end."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as stack:
            for number in ENDS:
                loop.add_signal_handler(number, self._leaving.set)
                stack.callback(loop.remove_signal_handler, number)
            asking = Text(_heading(": asking"))
            live = Live(asking, console=self._console, screen=True, auto_refresh=False, vertical_overflow="crop")
            stack.enter_context(live)
            loop.add_signal_handler(signal.SIGWINCH, self._show, live)
            stack.callback(loop.remove_signal_handler, signal.SIGWINCH)
            stack.enter_context(keys(sys.stdin.fileno(), self._pressed))
            await self._until_left(live)

    async def _until_left(self, live: Live) -> None:
        leaving = asyncio.create_task(self._leaving.wait())
        while not leaving.done():
            looking = asyncio.create_task(self._watch.look())
            await asyncio.wait({looking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not looking.done():
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
                return
            self._view = looking.result()
            self._show(live)
            await asyncio.wait({leaving}, timeout=self._every_s)

    def _show(self, live: Live) -> None:
        if self._view is not None:
            live.update(draw(self._view, self._console, _heading(f", every {self._every_s:g} s; q leaves")), refresh=True)

    def _pressed(self, key: str) -> None:
        if key in LEAVING:
            self._leaving.set()


def _heading(more: str = "") -> str:
    return f"frontdesk top  {time.strftime('%H:%M:%S')}{more}"

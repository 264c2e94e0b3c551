"""`frontdesk chat`: talks to the running instance, or runs embedded when there is none."""

import argparse
import asyncio
import io
import os
import shutil
import signal
import sys
from contextlib import AsyncExitStack

from adapters.terminal.chat import Chat
from bot.cli.configuration import Configuration, load
from bot.errors import SettingsError

LOOK_S = 2.0
TERMINATED = 143


def execute(given: argparse.Namespace) -> int:
    configuration = load(given.config, os.environ)
    try:
        asyncio.run(_chat(configuration, given.url, plain=given.plain))
    except asyncio.CancelledError:
        return TERMINATED
    return 0


async def _chat(configuration: Configuration, named: str | None, *, plain: bool) -> None:
    talking = asyncio.current_task()
    assert talking is not None
    for number in (signal.SIGTERM, signal.SIGHUP):  # a terminal must be left as it was found
        asyncio.get_running_loop().add_signal_handler(number, talking.cancel)
    async with AsyncExitStack() as stack:
        await _screen(await _open(configuration, named, stack), plain=plain)


async def _open(configuration: Configuration, named: str | None, stack: AsyncExitStack) -> Chat:
    """The instance that was named or that listens where the settings say, else a bot of our own."""
    url = _address(named) if named else _of(configuration)
    if await _answers(url):
        from adapters.terminal.tokens import TokenFile, state_folder
        from adapters.terminal.web import WebChat

        web = WebChat(url, TokenFile(url, state_folder(os.environ)))
        stack.push_async_callback(web.close)
        return web
    if named:
        raise SettingsError(f"nothing answers at {url}: is it running?")
    from bot.cli.embedded import embedded_chat

    return await stack.enter_async_context(embedded_chat(configuration, say=_progress))


def _address(named: str) -> str:
    url = named if "://" in named else f"http://{named}"
    return url.rstrip("/")


def _of(configuration: Configuration) -> str:
    web = configuration.web
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(web.host, web.host)  # noqa: S104  a wildcard is reached by loopback
    return f"http://[{host}]:{web.port}" if ":" in host else f"http://{host}:{web.port}"


async def _answers(url: str) -> bool:
    """Whether something healthy listens there."""
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LOOK_S)) as http,
            http.get(f"{url}/healthz") as reply,
        ):
            return reply.status == 200
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


async def _screen(chat: Chat, *, plain: bool) -> None:
    person = sys.stdin.isatty() and sys.stdout.isatty()
    if person and not plain and os.environ.get("TERM", "dumb") != "dumb":
        from adapters.terminal.screen import LiveScreen

        await LiveScreen(chat).run()
        return
    from adapters.terminal.keyboard import lines
    from adapters.terminal.plain import PlainScreen

    if isinstance(sys.stdout, io.TextIOWrapper):  # a locale without the letter shows "?" in its place
        sys.stdout.reconfigure(errors="replace")
    typed = lines(sys.stdin.fileno())
    await PlainScreen(chat, typed, sys.stdout, columns=_columns, person=sys.stdin.isatty()).run()


def _columns() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def _progress(line: str) -> None:
    """What the bot of our own is doing goes beside the dialogue, not into it."""
    print(line, file=sys.stderr, flush=True)

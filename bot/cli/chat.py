"""`frontdesk chat`: talks to the running instance, or runs embedded when there is none."""

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack

from adapters.terminal.chat import Chat
from bot.cli.configuration import Configuration, load
from bot.cli.progress import say

LOOK_S = 2.0


def execute(given: argparse.Namespace) -> int:
    configuration = load(given.config, os.environ)
    url = given.url or _url(configuration)
    return asyncio.run(_chat(configuration, url, named=bool(given.url), plain=given.plain))


def _url(configuration: Configuration) -> str:
    web = configuration.web
    host = f"[{web.host}]" if ":" in web.host else web.host
    return f"http://{'127.0.0.1' if web.host == '0.0.0.0' else host}:{web.port}"  # noqa: S104  a wildcard is reached by loopback


async def _chat(configuration: Configuration, url: str, *, named: bool, plain: bool) -> int:
    from adapters.terminal.tokens import TokenFile
    from adapters.terminal.web import WebChat

    async with AsyncExitStack() as stack:
        if await _answers(url):
            chat: Chat = (web := WebChat(url, TokenFile(url)))
            stack.push_async_callback(web.close)
        elif named:
            print(f"frontdesk: nothing answers at {url}: is it running?", file=sys.stderr)
            return 2
        else:
            from bot.cli.embedded import embedded_chat

            chat = await stack.enter_async_context(embedded_chat(configuration, say=say))
        await _screen(chat, plain=plain)
    return 0


async def _screen(chat: Chat, *, plain: bool) -> None:
    simple = os.environ.get("TERM", "dumb") == "dumb" or "NO_COLOR" in os.environ
    if plain or simple or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from adapters.terminal.plain import PlainScreen

        await PlainScreen(chat, sys.stdin, sys.stdout).run()
    else:
        from adapters.terminal.screen import LiveScreen

        await LiveScreen(chat).run()


async def _answers(url: str) -> bool:
    """Whether a Frontdesk listens there."""
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LOOK_S)) as http,
            http.get(f"{url}/healthz") as reply,
        ):
            return reply.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False

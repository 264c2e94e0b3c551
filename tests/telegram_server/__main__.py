"""`python -m tests.telegram_server --port N`: the stand-in in a process of its own, steered under `/_control/`.

One line of JSON says where it listens and which bot it has; it ends by SIGTERM or SIGINT, and with `--with-parent` when its
standard input does, so that it never outlives who started it.
"""

import argparse
import asyncio
import json
import signal
import sys

from tests.telegram_server.limits import Limits
from tests.telegram_server.server import TelegramServer


async def main(options: argparse.Namespace) -> None:
    limits = Limits.none() if options.no_limits else Limits()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with TelegramServer(
        limits, port=options.port, most_log=options.most_log, most_messages=options.most_messages
    ) as server:
        bot = server.add_bot(token=options.token)
        print(json.dumps({"url": server.url, "token": bot.token, "username": bot.username}), flush=True)
        if options.with_parent:
            await asyncio.get_running_loop().connect_read_pipe(lambda: Parent(ended), sys.stdin)
        await ended.wait()


class Parent(asyncio.Protocol):
    """Whoever holds the other end of standard input."""

    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.telegram_server", description="a stand-in for Telegram's Bot API")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--token", default="", help="of the first bot; made up without it")
    parser.add_argument("--with-parent", action="store_true", help="end with standard input")
    parser.add_argument("--no-limits", action="store_true", help="no rates, no slowed polls")
    parser.add_argument("--most-log", type=int, help="keep only so many sights")
    parser.add_argument("--most-messages", type=int, default=20_000, help="remembered in each chat")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(read_options()))

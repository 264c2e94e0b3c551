"""`python -m tests.discord_server --port N`: the stand-in in a process of its own, driven through `/_control/`."""

import argparse
import asyncio
import json
import signal
from dataclasses import replace
from typing import Any

from tests.discord_server.limits import Limits, Rate
from tests.discord_server.server import DiscordServer


def limits(text: str) -> Limits:
    """Limits from JSON; `buckets` as {"messages.create": [5, 5.0]}, `{"unlimited": true}` for none at all."""
    given: dict[str, Any] = json.loads(text)
    whole = Limits.unlimited() if given.pop("unlimited", False) else Limits()
    rates = {name: Rate(*pair) for name, pair in given.pop("buckets", {}).items()}
    return replace(whole, buckets=whole.buckets | rates, **given)


async def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--port", type=int, default=0, help="0: a free one, printed")
    asked.add_argument("--keep", type=int, default=None, help="log entries and messages of a channel to keep")
    asked.add_argument("--limits", type=limits, default=Limits(), help='JSON of limits to replace: {"identify_interval": 0}')
    given = asked.parse_args()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with DiscordServer(given.limits, port=given.port, keep=given.keep) as server:
        addresses = {"port": server.port, "api_base": server.api_base, "gateway_url": server.gateway_url}
        print(json.dumps(addresses), flush=True)
        await over.wait()


if __name__ == "__main__":
    asyncio.run(main())

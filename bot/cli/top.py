"""`frontdesk top`: node, replicas and bot process at a glance, drawn anew every few seconds."""

import argparse
import asyncio
import os
import sys

from bot.cli.configuration import Configuration, load

SHORTEST_S, LONGEST_S = 0.5, 3600.0


def execute(given: argparse.Namespace) -> int:
    configuration = load(given.config, os.environ)
    return asyncio.run(_top(configuration, once=given.once, every_s=given.every))


def every(text: str) -> float:
    """The option's value: seconds from SHORTEST_S to LONGEST_S."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"seconds from {SHORTEST_S:g} to {LONGEST_S:g}")
    return seconds


async def _top(configuration: Configuration, *, once: bool, every_s: float) -> int:
    import aiohttp
    from rich.console import Console

    from bot.cli.watching import screen
    from bot.cli.watching.places import bot_place, node_place
    from bot.cli.watching.watch import Watch

    console = Console(highlight=False)
    async with aiohttp.ClientSession() as http:
        watch = Watch(node_place(configuration), bot_place(configuration), http)
        if once or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
            return 0 if await screen.once(watch, console, every_s) else 1
        await screen.Screen(watch, console, every_s).run()
    return 0

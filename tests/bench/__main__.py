"""`python -m tests.bench [NAME ...] [--quick]`: the figures, as a table and as bench.json."""

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop

from tests.bench import (
    cancel,
    capacity,
    ceiling,
    channels,
    door,
    growth,
    latency,
    markdown,
    memory,
    overload,
    prefix,
    priority,
    replicas,
    reuse,
    share,
    streaming,
    web,
    where,
)
from tests.bench.ceiling import Size
from tests.bench.figures import Figure, show, write

MOST_S = 1200
SMALL = Size(20, 2)
PREFIX = {
    True: (prefix.Form(4, 8, 500), [prefix.Form(1, 6, 2048)]),
    False: (prefix.Form(32, 30, 1024), [prefix.Form(3, 30, 2048), prefix.Form(2, 30, 6000)]),
}
Bench = Callable[[bool], Awaitable[list[Figure]]]

BENCHES: dict[str, Bench] = {
    "ceiling": lambda quick: ceiling.ceiling(1 if quick else 5, SMALL if quick else Size(100, 20)),
    "ceiling-postgres": lambda quick: ceiling.ceiling_postgres(1 if quick else 3, SMALL if quick else Size(100, 10)),
    "stages": lambda quick: where.where(1 if quick else 3, SMALL if quick else Size(100, 20)),
    "web": lambda quick: web.web(1 if quick else 3, SMALL if quick else Size(100, 10)),
    "channels": lambda quick: channels.channels(1 if quick else 5, [SMALL] if quick else [Size(20, 20), Size(100, 10)]),
    "streaming": lambda quick: streaming.streaming(1 if quick else 3, 10 if quick else 100, quick=quick),
    "markdown": lambda quick: markdown.markdown(97 if quick else 1, 997 if quick else 41),
    "latency": lambda quick: latency.latency(1 if quick else 10, 2 if quick else 120),
    "growth": lambda quick: growth.growth(1 if quick else 11, 20_000 if quick else 1_000_000, 3 if quick else 30),
    "long": lambda quick: growth.long_conversation(1 if quick else 7, 200 if quick else 10_000, 20 if quick else 200),
    "memory": lambda quick: memory.memory(400 if quick else 20_000),
    "share": lambda quick: share.share(1 if quick else 11),
    "capacity": lambda quick: capacity.capacity(1 if quick else 3, 4 if quick else 32, 2 if quick else 6),
    "replicas": lambda quick: replicas.replicas(4 if quick else 16, 3 if quick else 8),
    "reuse": lambda quick: reuse.reuse(12 if quick else 40, 700 if quick else 2048),
    "prefix": lambda quick: prefix.prefix(*PREFIX[quick]),
    "door": lambda quick: door.door(10 if quick else 100, 200 if quick else 2000),
    "overload": lambda quick: overload.overload(overload.KINDS[: 1 if quick else 3], *((6, 8) if quick else (20, 45))),
    "priority": lambda quick: priority.priority(1 if quick else 4, 5 if quick else 25),
    "cancel": lambda quick: cancel.cancel(5 if quick else 200, cancel.SIZES[: 1 if quick else 3]),
}
NEED_ENGINE = ("share", "capacity", "replicas", "reuse", "prefix", "door", "overload", "priority", "cancel")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="The figures of Frontdesk.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; else all")
    parser.add_argument("--quick", action="store_true", help="small forms, without the real engine unless it is named")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    given = parser.parse_args()
    if unknown := set(given.names) - BENCHES.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    names = given.names or [name for name in BENCHES if not (given.quick and name in NEED_ENGINE)]
    figures, failed = measure(names, quick=given.quick)
    print(show([one for seen in figures.values() for one in seen]))
    for name, error in failed.items():
        print(f"FAILED {name}: {error}")
    write(figures, failed, given.out)
    return 1 if failed else 0


def measure(names: Sequence[str], *, quick: bool) -> tuple[dict[str, list[Figure]], dict[str, str]]:
    """The figures of those that ran, and why the others did not."""
    figures: dict[str, list[Figure]] = {}
    failed: dict[str, str] = {}
    for name in names:
        started = time.monotonic()
        print(f"bench: {name}", file=sys.stderr, flush=True)
        try:
            figures[name] = uvloop.run(_bounded(BENCHES[name](quick)))
        except Exception as error:  # boundary: a figure that cannot be had must not take the others along  # noqa: BLE001
            traceback.print_exc()
            failed[name] = f"{type(error).__name__}: {error}"
        print(f"bench: {name} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return figures, failed


async def _bounded(bench: Awaitable[list[Figure]]) -> list[Figure]:
    async with asyncio.timeout(MOST_S):
        return await bench


if __name__ == "__main__":
    sys.exit(main())

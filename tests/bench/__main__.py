"""`python -m tests.bench [NAME ...] [--quick]`: the figures, as a table and as bench.json."""

import argparse
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from tests.bench import ceiling, engine, growth, latency
from tests.bench.figures import Figure, show, write

Bench = Callable[[bool], Awaitable[list[Figure]]]


async def with_engine(quick: bool) -> list[Figure]:
    """Both figures of one engine start."""
    with engine.real_engine() as remote:
        turns, budget = (12, 700) if quick else (40, 2048)
        return [*await engine.share(remote, 1 if quick else 5), *await engine.prefix_reuse(remote, turns, budget)]


BENCHES: dict[str, Bench] = {
    "ceiling": lambda quick: ceiling.ceiling(1 if quick else 5, 3 if quick else 30),
    "ceiling-postgres": lambda quick: ceiling.ceiling_postgres(1 if quick else 3, 3 if quick else 20),
    "latency": lambda quick: latency.latency(1 if quick else 6),
    "growth": lambda quick: growth.growth(1 if quick else 7, 20_000 if quick else 1_000_000, 3 if quick else 20),
    "long": lambda quick: growth.long_conversation(1 if quick else 7, 1000 if quick else 10_000, 5 if quick else 60),
    "memory": lambda quick: growth.memory(400 if quick else 10_000),
    "engine": with_engine,
}
QUICK = [name for name in BENCHES if name != "engine"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="The figures of Frontdesk.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="small forms, without the real engine unless it is named")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    given = parser.parse_args()
    figures: list[Figure] = []
    for name in given.names or (QUICK if given.quick else BENCHES):
        print(f"bench: {name}", file=sys.stderr, flush=True)
        figures += uvloop.run(BENCHES[name](given.quick))  # type: ignore[arg-type]
    print(show(figures))
    write(figures, given.out)


if __name__ == "__main__":
    main()

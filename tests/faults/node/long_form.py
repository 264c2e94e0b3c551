"""`python -m tests.faults --node`: everything that goes wrong around a generation node, with the real engine.

One line for each case with what was seen; exit status 1 when a promise was broken. `--only PART` (several times) runs parts:
starts, lives, replicas, answers, clients, load. `--load-s N`: seconds of overload.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from tests.faults.node.answers import answers
from tests.faults.node.clients import clients
from tests.faults.node.lives import TOGETHER, lives
from tests.faults.node.load import load
from tests.faults.node.models import make
from tests.faults.node.replicas import replicas
from tests.faults.node.starts import starts
from tests.faults.telling import until_told

Seen = AsyncIterator[tuple[str, str]]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults --node", description=__doc__)
    parser.add_argument("--only", action="append", choices=("starts", "lives", "replicas", "answers", "clients", "load"))
    parser.add_argument("--load-s", type=float, default=60.0)
    given = parser.parse_args(argv)
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="frontdesk-node-", ignore_cleanup_errors=True) as folder:
        asyncio.run(until_told(_perform(_parts(Path(folder), given.load_s, given.only), broken)))
    print("FAILED" if broken else "every promise of the node was kept")
    return int(bool(broken))


def _parts(folder: Path, load_s: float, only: Sequence[str] | None) -> Mapping[str, Callable[[], Seen]]:
    """Each works in a folder of its own; the heavy model is made once."""
    heavy = make("heavy", folder / "heavy")
    parts: dict[str, Callable[[], Seen]] = {"starts": lambda: starts(_made(folder / "starts"), heavy)}
    for number, deaths in enumerate(TOGETHER):
        parts[f"lives {number}"] = lambda number=number, deaths=deaths: lives(folder / f"lives-{number}", heavy, deaths)  # type: ignore[misc]
    parts["replicas"] = lambda: replicas(folder / "replicas", heavy)
    parts["answers"] = lambda: answers(_made(folder / "answers"))
    parts["clients"] = lambda: clients(folder / "answers" / "letters" if (folder / "answers").exists() else heavy)
    parts["load"] = lambda: load(folder / "load", heavy, load_s)
    return {name: part for name, part in parts.items() if not only or name.split()[0] in only}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _perform(parts: Mapping[str, Callable[[], Seen]], broken: list[str]) -> None:
    """A part that breaks a promise ends there; the others are gone on with."""
    for name, part in parts.items():
        begun = time.monotonic()
        try:
            async for case, seen in part():
                print(f"{name}: {case}: {seen}", flush=True)
        except (AssertionError, TimeoutError, OSError) as error:
            broken.append(name)
            print(f"{name}: BROKEN {type(error).__name__} {error}", flush=True)
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)

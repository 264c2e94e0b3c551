"""The long form for receiving: `python -m tests.faults --channels`. Exit 1 when a promise was broken, or a point never reached.

`--kills 1400` for each mode, over 10,000 updates, and at the end 500 people with 20 quick messages each; `--mode
polling|webhook|gateway`, all when not given; `--seed N`: one run of each; `--from N`: go on at that seed. What the file holds of
earlier seeds, and of other modes, is kept then.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.faults.receiving import report
from tests.faults.receiving.order import Order, Outcome
from tests.faults.receiving.points import MODES, Mode
from tests.faults.receiving.suite import KILLS_A_RUN, order_of, orders, perform
from tests.faults.telling import until_told


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments ask for; the exit code."""
    parser = argparse.ArgumentParser(prog="make faults ARGS=--channels", description=__doc__)
    parser.add_argument("--kills", type=int, default=1400)
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--json", type=Path, default=Path("channel-faults.json"))
    parser.add_argument("--keep", type=Path, help="an empty folder for logs and databases, to look into afterwards")
    given = parser.parse_args(arguments)
    modes = (given.mode,) if given.mode else MODES
    earlier = report.kept(given.json) if given.first or given.mode else []
    entries = [one for one in earlier if one["mode"] not in modes or one["seed"] < given.first]

    def done(outcome: Outcome) -> None:
        entries.append(report.entry(outcome))
        print(*report.lines(entries[-1]), sep="\n", flush=True)
        report.keep(given.json, entries)

    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
    crowds = modes if given.seed is None else ()
    asyncio.run(until_told(perform(_wanted(given, modes, entries), done, crowds=crowds, keep=given.keep)))
    total = report.totals(entries)
    failures = list(report.failures(total))
    print(*report.table(total), *failures, "FAILED" if failures else "every promise was kept", sep="\n")
    return int(bool(failures))


def _wanted(given: argparse.Namespace, modes: Sequence[Mode], entries: Sequence[report.Entry]) -> list[Order]:
    wanted: list[Order] = []
    for mode in modes:
        if given.seed is not None:
            wanted.append(order_of(given.seed, mode, min(given.kills, KILLS_A_RUN)))
            continue
        left = given.kills - sum(one["kills"] for one in entries if one["mode"] == mode)
        wanted += orders(left, mode=mode, first=given.first)
    return wanted

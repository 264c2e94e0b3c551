"""`make faults`: the long form. Exit 1 when a promise was broken, or when a point was never reached.

`--kills 1000` spread over the points; `--database sqlite|postgres`, both when not given; `--seed N`: one run; `--from N`: go on
at that seed and keep what faults.json holds of earlier ones. A call without --database and --seed goes on with kills at each
point of a model's conversion, and with the real adapters: those alone by `--channels`, with options of their own
(`tests.faults.receiving.long_form`), and at last with the generation node and the real engine: alone by `--node`
(`tests.faults.node.long_form`).
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.faults import report
from tests.faults.conversions import judged as conversions_judged
from tests.faults.node.long_form import main as node
from tests.faults.order import Outcome
from tests.faults.points import points_of
from tests.faults.receiving.long_form import main as receiving
from tests.faults.suite import DATABASES, KILLS_A_RUN, order_of, orders, perform
from tests.faults.telling import until_told

ENOUGH = 2 * KILLS_A_RUN  # kills over one database from which on every point must have fired


def main() -> int:
    if "--channels" in sys.argv:
        return receiving([one for one in sys.argv[1:] if one != "--channels"])
    if "--node" in sys.argv:
        return node([one for one in sys.argv[1:] if one != "--node"])
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--database", choices=DATABASES)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--json", type=Path, default=Path("faults.json"))
    parser.add_argument("--keep", type=Path, help="an empty folder for ledgers, logs and SQLite files, to look into afterwards")
    given = parser.parse_args()
    of = (given.database,) if given.database else DATABASES
    entries = [one for one in report.kept(given.json) if one["seed"] < given.first] if given.first else []
    left = given.kills - sum(one["kills"] for one in entries)
    wanted = [order_of(given.seed)] if given.seed is not None else list(orders(left, first=given.first, of=of))

    def done(outcome: Outcome) -> None:
        entries.append(report.entry(outcome))
        for line in report.lines(entries[-1]):
            print(line, flush=True)
        report.keep(given.json, entries)

    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
    asyncio.run(until_told(perform(wanted, done, keep=given.keep)))
    whole = given.seed is None and given.database is None
    conversions = dict(_told(conversions_judged())) if whole else {}
    report.keep(given.json, entries, conversions)
    total = report.totals(entries)
    print(*report.table(total), sep="\n")
    failed = _judged(total, failed=any(conversions.values()))
    # the streams of so many lives hold ten updates for each of the kills that were asked for
    return failed | (receiving(["--kills", str(given.kills * 7 // 5)]) | node([]) if whole else 0)


def _told(judged: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for point, broken in judged:
        print(f"{point}: {f'BROKEN {broken}' if broken else 'killed, gone on with, whole'}", flush=True)
        yield point, broken


def _judged(total: report.Entry, *, failed: bool) -> int:
    failed = failed or any(total["broken"].values())
    for database, fired in total["fired"].items():
        silent = [point for point in points_of(database) if not fired.get(point)]
        if total["kills"][database] == 0 or (silent and total["kills"][database] >= ENOUGH):
            print(f"{database}: never fired: {', '.join(silent)}")
            failed = True
    print("FAILED" if failed else "every promise was kept")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

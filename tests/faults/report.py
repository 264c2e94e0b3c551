"""What a run came to, as lines for people and as JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.faults.oracle import CLASSES
from tests.faults.order import Outcome

Entry = dict[str, Any]
SHOWN = 5


def entry(outcome: Outcome) -> Entry:
    """One run as it is kept."""
    verdict = outcome.verdict
    return {
        "seed": outcome.order.seed,
        "database": outcome.order.database,
        "mode": "interrupt" if outcome.order.interrupt else "collect",
        "kills": sum(times for point, times in outcome.fired.items() if not point.startswith(("stop ", "refused"))),
        "fired": dict(sorted(outcome.fired.items())),
        "missed": dict(sorted(outcome.missed.items())),
        "troubles": dict(sorted(outcome.troubles.items())),
        "broken": {name: len(sentences) for name, sentences in verdict.broken.items()},
        "sentences": [sentence for sentences in verdict.broken.values() for sentence in sentences[:SHOWN]],
        "counted": dict(sorted(verdict.counted.items())),
        "longest_wait_s": round(verdict.longest_wait_s, 2),
        "seconds": round(outcome.seconds, 1),
    }


def lines(one: Entry) -> Iterator[str]:
    """A run for people."""
    broken = "  ".join(f"{name} {one['broken'][name]}" for name in CLASSES)
    yield (
        f"seed {one['seed']:>4}  {one['database']:<8} {one['mode']:<9} kills {one['kills']:>3}  {broken}  "
        f"longest wait {one['longest_wait_s']:.1f} s  ({one['seconds']:.0f} s)"
    )
    yield f"           fired: {_listed(one['fired'])}"
    if one["troubles"]:
        yield f"           around: {_listed(one['troubles'])}"
    yield f"           counted apart: {_listed(one['counted'])}"
    yield from (f"           BROKEN {sentence}" for sentence in one["sentences"])


def totals(entries: Sequence[Entry]) -> Entry:
    """All runs together."""
    fired: dict[str, Counter[str]] = {}
    counted: Counter[str] = Counter()
    for one in entries:
        fired.setdefault(one["database"], Counter()).update(one["fired"])
        counted.update(one["counted"])
    return {
        "runs": len(entries),
        "kills": {database: sum(one["kills"] for one in entries if one["database"] == database) for database in fired},
        "fired": {database: dict(sorted(points.items())) for database, points in fired.items()},
        "broken": {name: sum(one["broken"][name] for one in entries) for name in CLASSES},
        "counted": dict(sorted(counted.items())),
        "longest_wait_s": max((one["longest_wait_s"] for one in entries), default=0.0),
    }


def table(total: Entry) -> Iterator[str]:
    """The totals for people: deaths by point, then what was broken by them."""
    names = sorted({point for points in total["fired"].values() for point in points})
    yield f"{'point':<44}" + "".join(f"{database:>10}" for database in total["fired"])
    for name in names:
        yield f"{name:<44}" + "".join(f"{points.get(name, 0):>10}" for points in total["fired"].values())
    yield f"{'kills':<44}" + "".join(f"{kills:>10}" for kills in total["kills"].values())
    yield "  ".join(f"{name} {number}" for name, number in total["broken"].items())
    yield f"longest wait {total['longest_wait_s']:.1f} s; counted apart: {_listed(total['counted'])}"


def keep(path: Path, entries: Sequence[Entry], conversions: Mapping[str, str] | None = None) -> None:
    """Write the file anew, whole or not at all. `conversions`: points of a model's conversion, with what was broken there."""
    part = path.with_suffix(".part")
    part.write_text(
        json.dumps({"totals": totals(entries), "conversions": dict(conversions or {}), "runs": list(entries)}, indent=1) + "\n"
    )
    part.replace(path)


def kept(path: Path) -> list[Entry]:
    """The runs of an earlier, interrupted call."""
    return list(json.loads(path.read_text())["runs"]) if path.exists() else []


def _listed(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items()) or "nothing"

"""What runs of receiving came to, as lines for people and as JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.faults.oracle import CLASSES
from tests.faults.receiving.order import CROWD, Outcome
from tests.faults.receiving.points import MODES, POINTS

Entry = dict[str, Any]
SHOWN = 5
ENOUGH = 150  # kills of a mode from which on every point must have fired


def entry(outcome: Outcome) -> Entry:
    """One run as it is kept."""
    verdict = outcome.verdict
    return {
        "seed": outcome.order.seed,
        "mode": outcome.order.mode,
        "crowd": outcome.order.seed == CROWD,
        "updates": outcome.updates,
        "kills": outcome.kills,
        "fired": dict(sorted(outcome.fired.items())),
        "missed": dict(sorted((+outcome.missed).items())),
        "troubles": dict(sorted((+outcome.troubles).items())),
        "broken": {name: len(sentences) for name, sentences in verdict.broken.items()},
        "sentences": [sentence for sentences in verdict.broken.values() for sentence in sentences[:SHOWN]],
        "counted": dict(sorted((+verdict.counted).items())),
        "longest_wait_s": round(verdict.longest_wait_s, 2),
        "seconds": round(outcome.seconds, 1),
    }


def lines(one: Entry) -> Iterator[str]:
    """A run for people."""
    broken = "  ".join(f"{name} {one['broken'][name]}" for name in CLASSES)
    yield (
        f"seed {one['seed']:>4}  {one['mode']:<8} updates {one['updates']:>5}  kills {one['kills']:>3}  {broken}  "
        f"longest wait {one['longest_wait_s']:.1f} s  ({one['seconds']:.0f} s)"
    )
    yield f"           fired: {_listed(one['fired'])}"
    yield f"           around: {_listed(one['troubles'])}"
    yield f"           counted apart: {_listed(one['counted'])}"
    yield from (f"           BROKEN {sentence}" for sentence in one["sentences"])


def totals(entries: Sequence[Entry]) -> Entry:
    """All runs together, by mode; crowds, in which nobody is killed, apart."""
    runs = {mode: [one for one in entries if one["mode"] == mode and not one["crowd"]] for mode in MODES}
    crowds = {f"{mode}, a crowd": [one for one in entries if one["mode"] == mode and one["crowd"]] for mode in MODES}
    return {name: _total(of) for name, of in (runs | crowds).items() if of}


def _total(entries: Sequence[Entry]) -> Entry:
    fired: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for one in entries:
        fired.update(one["fired"])
        counted.update(one["counted"])
    return {
        "runs": len(entries),
        "updates": sum(one["updates"] for one in entries),
        "kills": sum(one["kills"] for one in entries),
        "fired": dict(sorted(fired.items())),
        "broken": {name: sum(one["broken"][name] for one in entries) for name in CLASSES},
        "counted": dict(sorted(counted.items())),
        "longest_wait_s": max((one["longest_wait_s"] for one in entries), default=0.0),
    }


def table(total: Entry) -> Iterator[str]:
    """The totals for people: one paragraph for each mode that ran."""
    for mode, of in total.items():
        broken = "  ".join(f"{name} {number}" for name, number in of["broken"].items())
        yield f"{mode}: {of['updates']} updates, {of['kills']} kills: {broken}; longest wait {of['longest_wait_s']:.1f} s"
        yield f"  fired: {_listed(of['fired'])}"
        yield f"  counted apart: {_listed(of['counted'])}"


def failures(total: Entry) -> Iterator[str]:
    """Why the whole counts as failed: a broken promise, a mode without kills, a point that was never reached."""
    for mode, of in total.items():
        yield from (f"{mode}: {number} {name}" for name, number in of["broken"].items() if number)
        points = POINTS.get(mode, ())  # a crowd's are none
        silent = sorted(set(points) - of["fired"].keys())
        if of["updates"] == 0 or (points and of["kills"] == 0):
            yield f"{mode}: {of['kills']} kills, {of['updates']} updates"
        elif silent and of["kills"] >= ENOUGH:
            yield f"{mode}: never fired: {', '.join(silent)}"


def keep(path: Path, entries: Sequence[Entry]) -> None:
    """Write the file anew, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"totals": totals(entries), "runs": list(entries)}, indent=1) + "\n")
    part.replace(path)


def kept(path: Path) -> list[Entry]:
    """The runs of an earlier, interrupted call."""
    return list(json.loads(path.read_text())["runs"]) if path.exists() else []


def _listed(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items()) or "nothing"

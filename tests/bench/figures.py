"""One figure of the benchmarks, and how they are shown: a table for people, JSON for whoever compares runs."""

import json
import os
import platform
import random
import sqlite3
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` over `runs` interleaved runs (their median, if the unit says nothing else) and its interval. `met` says
    whether it is as `wanted`, None where nothing is wanted."""

    name: str
    mode: str
    unit: str
    value: float
    low: float
    high: float
    runs: int
    wanted: str = ""
    met: bool | None = None
    beside: Mapping[str, float] = field(default_factory=dict)


def figure(
    name: str,
    mode: str,
    unit: str,
    values: Sequence[float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    beside: Mapping[str, float] | None = None,
) -> Figure:
    """The median of one value for each run."""
    return figure_of(name, mode, unit, values, statistics.median, at_least=at_least, at_most=at_most, beside=beside)


def figure_of(
    name: str,
    mode: str,
    unit: str,
    runs: Sequence[T],
    measure: Callable[[Sequence[T]], float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    beside: Mapping[str, float] | None = None,
) -> Figure:
    """What `measure` makes of the runs together, its 95% interval by resampling whole runs, and what is wanted of it."""
    value = measure(runs)
    low, high = interval(runs, measure)
    wanted = f">= {at_least:.4g}" if at_least is not None else f"<= {at_most:.4g}" if at_most is not None else ""
    met = value >= at_least if at_least is not None else value <= at_most if at_most is not None else None
    return Figure(name, mode, unit, value, low, high, len(runs), wanted, met, beside or {})


def interval(values: Sequence[T], measure: Callable[[Sequence[T]], float]) -> tuple[float, float]:
    """Where `measure` falls in 95 of 100 samples drawn anew from the values; the same for the same values."""
    dice = random.Random(1)
    seen = sorted(measure(dice.choices(values, k=len(values))) for _ in range(RESAMPLES if len(values) > 1 else 1))
    return seen[int(len(seen) * 0.025)], seen[min(int(len(seen) * 0.975), len(seen) - 1)]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def show(figures: Sequence[Figure]) -> str:
    """The table."""
    rows = [("figure", "mode", "value", "95% interval", "runs", "wanted", "met", "beside it")]
    for one in figures:
        beside = ", ".join(f"{name} {value:.4g}" for name, value in one.beside.items())
        met = "" if one.met is None else "yes" if one.met else "NO"
        value, between = f"{one.value:.4g} {one.unit}".rstrip(), f"{one.low:.4g} - {one.high:.4g}"
        rows.append((one.name, one.mode, value, between, str(one.runs), one.wanted, met, beside))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def write(figures: Mapping[str, Sequence[Figure]], failed: Mapping[str, str], file: Path) -> None:
    """Figures by benchmark as JSON, with when and on what machine they were seen, and which benchmarks failed and why."""
    rows = [{"bench": name, **asdict(one)} for name, seen in figures.items() for one in seen]
    seen = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **_machine()}
    document = {**seen, "failed": dict(failed), "figures": rows}
    file.write_text(json.dumps(document, indent=1) + "\n")


def _machine() -> dict[str, object]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }

"""One figure of the benchmarks, and how they are shown: a table for people, JSON for whoever compares runs."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Figure:
    """`values` come from interleaved runs; the median is quoted, the interval is the lowest and highest seen."""

    name: str
    mode: str
    unit: str
    values: list[float]
    wanted: str = ""
    beside: dict[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def show(figures: Sequence[Figure]) -> str:
    """The table."""
    rows = [("figure", "mode", "median", "lowest - highest", "wanted", "beside it")]
    for figure in figures:
        beside = ", ".join(f"{name} {value:.4g}" for name, value in figure.beside.items())
        interval = f"{min(figure.values):.4g} - {max(figure.values):.4g}"
        rows.append((figure.name, figure.mode, f"{figure.median:.4g} {figure.unit}", interval, figure.wanted, beside))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def write(figures: Sequence[Figure], file: Path) -> None:
    """The same as JSON."""
    file.write_text(json.dumps([{**asdict(figure), "median": figure.median} for figure in figures], indent=1) + "\n")

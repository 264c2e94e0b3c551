"""A table as lines of equal columns, for a fixed-width font: what messengers have in place of tables."""

from collections.abc import Sequence

from wcwidth import wcswidth

Row = Sequence[str]


def columns(rows: Sequence[Row]) -> str:
    """The first row is the heading; a rule is drawn below it. Cells are one line each."""
    count = max((len(row) for row in rows), default=0)
    full = [[*row, *[""] * (count - len(row))] for row in rows]
    widths = [max(_width(row[at]) for row in full) for at in range(count)]
    lines = [" | ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in full]
    return "\n".join([*lines[:1], "-+-".join("-" * width for width in widths), *lines[1:]])


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(cell: str) -> int:
    return len(cell) if cell.isascii() else max(wcswidth(cell), 0) or len(cell)

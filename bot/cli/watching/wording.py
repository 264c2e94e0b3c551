"""Figures as short text. Pure: what is not known is a dash."""

from bot.cli.watching.histogram import Quantile
from bot.cli.watching.rows import ReplicaRow, Spread, Tally

NOTHING = "-"
MINUTE, HOUR, DAY = 60, 3600, 86_400


def plain(text: str) -> str:
    """Without what could steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def count(value: float | None) -> str:
    """Whole, from ten thousand on in k, from a million on in M."""
    if value is None:
        return NOTHING
    if value >= 999_950:
        return f"{value / 1_000_000:.1f}M"
    return f"{value / 1000:.1f}k" if value >= 9_999.5 else f"{value:.0f}"


def share(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.0f}%"


def of(some: float | None, most: float | None) -> str:
    """Taken of so many; alone where the bound is not told."""
    if some is None:
        return NOTHING
    return count(some) if most is None else f"{count(some)}/{count(most)}"


def seconds(quantile: Quantile) -> str:
    """Two figures: 85ms, 0.42s, 3.1s, 42s; with > in front when it lies beyond the last bound."""
    value = quantile.seconds
    if value < 0.0995:
        text = f"{value * 1000:.1f}ms" if 0 < value < 0.00095 else f"{value * 1000:.0f}ms"
    else:
        text = f"{value:.{2 if value < 0.995 else 1 if value < 9.95 else 0}f}s"
    return f">{text}" if quantile.beyond else text


def spread(found: Spread | None) -> str:
    p50, p95 = (NOTHING, NOTHING) if found is None else (seconds(found.p50), seconds(found.p95))
    return f"{p50} {p95:>5}"


def tally(found: Tally | None) -> str:
    """All, and what came lately."""
    if found is None:
        return NOTHING
    return f"{count(found.whole)} +{count(found.lately)}" if found.lately else count(found.whole)


def age(up_s: float | None) -> str:
    """Two units at most."""
    if up_s is None:
        return NOTHING
    whole = int(up_s)
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m{whole % MINUTE:02}s"
    if whole < DAY:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE:02}m"
    return f"{whole // DAY}d{whole % DAY // HOUR:02}h"


def wait(row: ReplicaRow) -> str:
    return NOTHING if row.wait_s is None else f"{row.wait_s:.1f}s"

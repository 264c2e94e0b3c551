"""Percentiles out of Prometheus' histograms: counts below bounds, and what can honestly be said of the values between. Pure."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantile:
    """A value in seconds; `beyond`: it is at least this, since it lies above the last bound that was counted at."""

    seconds: float
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values were at or below each bound (cumulative, as exposed; the last bound is infinity)."""

    counts: Mapping[float, float]

    @classmethod
    def of(cls, buckets: Iterable[tuple[float, float]]) -> "Histogram":
        """From (bound, count) pairs; those of one bound are added, as of several engines or labels."""
        counts: dict[float, float] = defaultdict(float)
        for bound, count in buckets:
            counts[bound] += count
        return cls(dict(sorted(counts.items())))

    @property
    def total(self) -> float:
        return self.counts.get(math.inf, 0.0)

    def since(self, before: "Histogram") -> "Histogram":
        """What came between two readings of one process."""
        return Histogram({bound: max(count - before.counts.get(bound, 0.0), 0.0) for bound, count in self.counts.items()})

    def quantile(self, share: float) -> Quantile | None:
        """The value that `share` (0 to 1) of all lie below; None without values.

        Inside a bucket values are taken to be spread evenly, as Prometheus' histogram_quantile does, from 0 in the first.
        """
        rank, below, under = share * self.total, 0.0, 0.0
        if self.total <= 0:
            return None
        for bound, count in self.counts.items():
            if count >= rank and count > under:
                if math.isinf(bound):
                    return Quantile(below, beyond=True)
                return Quantile(below + (bound - below) * (rank - under) / (count - under))
            below, under = bound, count
        return None

"""Whether an engine still lives: a pure judgement on what the probe saw.

An overloaded engine is not a hung one: tokens made for anybody count as life, and of an engine that embeds its steps. Only one
that has produced nothing for `hang_timeout_s`, the supervisor's own request included, is hung.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Vitals:
    """Times are monotonic seconds."""

    hang_timeout_s: float
    last_life: float
    work: float | None = None

    @property
    def check_every_s(self) -> float:
        return min(10.0, self.hang_timeout_s / 8)

    @property
    def probe_timeout_s(self) -> float:
        return self.hang_timeout_s / 4

    def seen_work(self, now: float, work: float | None) -> "Vitals":
        """After reading the counter: a number that moved is life, a missing one says nothing."""
        if work is None:
            return self
        moved = self.work is not None and work != self.work
        return replace(self, work=work, last_life=now if moved else self.last_life)

    def seen_token(self, now: float) -> "Vitals":
        return replace(self, last_life=now)

    def wants_probe(self, now: float) -> bool:
        return now - self.last_life >= self.hang_timeout_s / 4

    def hung(self, now: float) -> bool:
        return now - self.last_life >= self.hang_timeout_s

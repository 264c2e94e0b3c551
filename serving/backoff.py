"""When to start a failed engine again: a pure policy the supervisor obeys."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from `first_s` to at most `most_s`; half of each wait is jitter."""

    first_s: float = 1.0
    most_s: float = 60.0
    healthy_after_s: float = 120.0
    failures: int = 0

    def after_failure(self, lived_s: float) -> "Backoff":
        """The state after an engine ended that had been ready for `lived_s` (0: never ready)."""
        return replace(self, failures=1 if lived_s >= self.healthy_after_s else self.failures + 1)

    def wait_s(self, chance: float) -> float:
        """Seconds to wait before the next start; `chance` is uniform in [0, 1)."""
        full = min(self.most_s, self.first_s * 2.0 ** min(self.failures - 1, 30)) if self.failures else 0.0
        return float(full / 2 + full / 2 * chance)

"""How long to wait before the next try."""

import random

FIRST_S, LONGEST_S = 0.25, 5.0


class Backoff:
    """Waits that double from a quarter second to five seconds, spread so that many terminals do not return as one."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def next(self, at_least_s: float = 0.0) -> float:
        """Seconds to wait now."""
        wait_s, self._next_s = self._next_s, min(self._next_s * 2, LONGEST_S)
        return max(at_least_s, wait_s * (0.5 + random.random() / 2))  # noqa: S311  spreads tries, guards nothing

    def reset(self) -> None:
        self._next_s = FIRST_S

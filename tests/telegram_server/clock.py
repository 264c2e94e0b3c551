"""The stand-in's only clock: real seconds plus what a test moved it by."""

import time


class Clock:
    """`now()` is monotonic seconds (comparable between processes of one machine), `unix()` is what messages are dated by."""

    def __init__(self) -> None:
        self._moved_s = 0.0
        self._stopped_at: float | None = None
        self._epoch = time.time() - time.monotonic()

    def now(self) -> float:
        return (time.monotonic() if self._stopped_at is None else self._stopped_at) + self._moved_s

    def unix(self) -> int:
        return int(self._epoch + self.now())

    def freeze(self) -> None:
        """From now on it moves only by `advance`: budgets and waits are exact however slow the machine is."""
        self._stopped_at = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Make everything this much older at once: messages, drafts, updates, presses. Timers already set keep real time."""
        self._moved_s += seconds

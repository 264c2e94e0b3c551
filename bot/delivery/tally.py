"""What delivery counts, so that limits, doubts and repeats are seen."""

from typing import Protocol


class Tally(Protocol):
    """Counters by name, their labels in order."""

    def count(self, name: str, *labels: str) -> None:
        """Add one."""
        ...

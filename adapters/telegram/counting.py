"""What the adapter counts; whoever builds it gives the metrics behind."""

from typing import Protocol


class Counters(Protocol):
    """Counters by name, their labels in order."""

    def count(self, name: str, *labels: str) -> None:
        """Add one."""
        ...


class NoCounters:
    """Counts nothing."""

    def count(self, name: str, *labels: str) -> None: ...

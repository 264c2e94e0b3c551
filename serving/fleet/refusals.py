"""What the door itself refused, before an engine heard of it: by reason, as each engine counts its own."""

from collections import Counter
from collections.abc import Mapping


class Refusals:
    """Counts since the node started. Who leaves is counted by the engine that was answering."""

    def __init__(self) -> None:
        self._by_reason: Counter[str] = Counter()

    def refused(self, reason: str) -> None:
        self._by_reason[reason] += 1

    def cancelled(self) -> None:
        """The engine's gate notices too, and counts."""

    def by_reason(self) -> Mapping[str, int]:
        return self._by_reason

"""What the conversation counts; the metrics behind it belong to the composition root."""

from typing import Protocol


class Counters(Protocol):
    """`count` adds one to the counter of that name with these labels, `add` an amount; `observe` records seconds of a stage."""

    def count(self, name: str, *labels: str) -> None: ...

    def add(self, name: str, amount: float, *labels: str) -> None: ...

    def observe(self, name: str, seconds: float, *labels: str) -> None: ...


class NoCounters:
    """Counts nothing: for tests and trials."""

    def count(self, name: str, *labels: str) -> None: ...

    def add(self, name: str, amount: float, *labels: str) -> None: ...

    def observe(self, name: str, seconds: float, *labels: str) -> None: ...

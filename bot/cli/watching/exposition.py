"""What one reading of a /metrics page says, by replica. Pure.

A node with several engines gives each sample of an engine a label `replica`; one engine alone gives none, and is replica 0.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from bot.cli.watching.histogram import Histogram

OURS = ("vllm:", "frontdesk_", "process_start_time_seconds")  # what is looked at
ALONE = "0"


class Unreadable(ValueError):
    """The text is no exposition."""


@dataclass(frozen=True, slots=True)
class Sample:
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Part:
    """The samples of one process, or of several together, by name."""

    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)

    @classmethod
    def together(cls, parts: Iterable["Part"]) -> "Part":
        joined: dict[str, list[Sample]] = defaultdict(list)
        for part in parts:
            for name, samples in part.samples.items():
                joined[name].extend(samples)
        return cls(joined)

    def total(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with these labels; None where there is none."""
        found = self._found(name, labels)
        return sum(sample.value for sample in found) if found else None

    def highest(self, name: str) -> float | None:
        return max((sample.value for sample in self._found(name, {})), default=None)

    def histogram(self, name: str, **labels: str) -> Histogram:
        """Empty where there is none."""
        buckets = self._found(f"{name}_bucket", labels)
        return Histogram.of((float(sample.labels["le"]), sample.value) for sample in buckets)

    def label(self, name: str, label: str) -> str:
        """The first value of a label, "" where there is none."""
        return next((sample.labels[label] for sample in self._found(name, {}) if label in sample.labels), "")

    def _found(self, name: str, labels: Mapping[str, str]) -> list[Sample]:
        samples = self.samples.get(name, ())
        return [sample for sample in samples if labels.items() <= sample.labels.items()]


@dataclass(frozen=True, slots=True)
class Exposition:
    """One reading. `at`: monotonic seconds; `clock`: seconds since 1970; `parts`: by replica."""

    at: float
    clock: float
    parts: Mapping[str, Part]

    @property
    def whole(self) -> Part:
        return Part.together(self.parts.values())


def read(text: str, at: float, clock: float) -> Exposition:
    """What a page says, as far as it is of interest. Raises Unreadable."""
    parts: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples if family.name.startswith(OURS) else ():
                if sample.name.endswith("_bucket"):
                    float(sample.labels["le"])
                if math.isfinite(sample.value):
                    parts[sample.labels.get("replica", "")][sample.name].append(Sample(sample.labels, sample.value))
    except (ValueError, KeyError, IndexError, AttributeError) as error:  # the parser checks little
        raise Unreadable(str(error)) from error
    if parts.keys() <= {""}:
        return Exposition(at, clock, {ALONE: Part(parts[""])} if parts else {})
    return Exposition(at, clock, {name: Part(parts[name]) for name in sorted(parts.keys() - {""}, key=_by_number)})


def _by_number(name: str) -> tuple[int, str]:
    return (int(name) if name.isdecimal() and len(name) < 10 else 1_000_000_000, name)

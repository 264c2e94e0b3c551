"""Every number we publish, in one place: `frontdesk_` names with units, and labels whose values are few."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
# a label that grows without end would grow our memory and Prometheus' too
MOST_SERIES = 200
STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric: what it counts, the kind it is, the names of its labels, and its published name where that says more."""

    kind: Literal["counter", "gauge", "seconds"]
    help: str
    labels: tuple[str, ...] = ()
    published: str = ""


MEASURES: Mapping[str, Measure] = {
    "updates": Measure(
        "counter", "Updates taken in, by what became of them; ignored ones with their reason.", ("channel", "outcome")
    ),
    "turns": Measure("counter", "Turns stored, by role, without greetings.", ("role",)),
    "stage": Measure("seconds", "Time an answer spent in a stage.", ("stage",), "turn_seconds"),
    "generation": Measure(
        "counter", "Requests for answers to the generation node, by result.", ("result",), "generation_requests"
    ),
    "generation_tokens": Measure(
        "counter", "Tokens of answered requests: prompt, cached and new (of the prompt), output.", ("kind",)
    ),
    "generation_refused": Measure(
        "counter", "Requests for answers that a full node refused: probes for more room, or within what is known.", ("kind",)
    ),
    "generation_limit": Measure("gauge", "Answers that this process asks for at once, as many as the node takes."),
    "superseded": Measure("counter", "Work dropped because the conversation moved on, by reason.", ("reason",)),
    "window_breaks": Measure("counter", "Prompts that do not extend the one before, by declared reason.", ("reason",)),
    "notices": Measure("counter", "Honest notices to customers, by reason.", ("reason",)),
    "expired": Measure("counter", "Questions nobody answered in time."),
    "files": Measure(
        "counter", "Text files of customers, by what came of reading them: read, no_text, or the error.", ("channel", "result")
    ),
    "previews": Measure("counter", "Previews of answers being made: sent, or skipped for a newer one or for room.", ("outcome",)),
    "outbox": Measure("counter", "Messages to push channels, by the state they came to.", ("state",)),
    "outbox_repeats": Measure("counter", "Sends of which an earlier one may have arrived too.", ("channel",)),
    "rate_limited": Measure("counter", "Times a platform told us to slow down (429).", ("channel",)),
    "channel_events": Measure(
        "gauge", "What the adapter of a push account met since it started, by name.", ("channel", "account", "event")
    ),
    "jobs": Measure("counter", "Tries of background jobs, by kind and result.", ("kind", "result")),
    "failures": Measure("counter", "Errors caught at a loop's boundary, by part; each is in the log with its trace.", ("part",)),
    "outbox_rows": Measure("gauge", "Messages in the outbox that are not settled, and failed ones, by state.", ("state",)),
    "due_conversations": Measure("gauge", "Conversations that wait for an answer."),
    "oldest_due": Measure("gauge", "Seconds the longest waiting question has waited.", (), "oldest_due_seconds"),
    "in_flight": Measure("gauge", "Answers being made by this process."),
}


class Metrics:
    """One registry of our own. Names are keys of MEASURES; an unknown one is our bug."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="frontdesk", registry=self.registry)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._seconds: dict[str, Histogram] = {}
        for name, measure in MEASURES.items():
            self._register(name, measure)
        self._counter_series: dict[tuple[str, ...], Counter] = {}
        self._seconds_series: dict[tuple[str, ...], Histogram] = {}

    def _register(self, name: str, measure: Measure) -> None:
        full = f"frontdesk_{measure.published or name}"
        match measure.kind:
            case "counter":
                self._counters[name] = Counter(full, measure.help, measure.labels, registry=self.registry)
            case "gauge":
                self._gauges[name] = Gauge(full, measure.help, measure.labels, registry=self.registry)
            case "seconds":
                self._seconds[name] = Histogram(full, measure.help, measure.labels, registry=self.registry, buckets=STAGE_SECONDS)

    def count(self, name: str, *labels: str) -> None:
        """Add one."""
        self.add(name, 1, *labels)

    def add(self, name: str, amount: float, *labels: str) -> None:
        """Add an amount, tokens for example."""
        series = self._counter_series.get((name, *labels))
        if series is None:
            labels = self._bounded(name, labels, self._counter_series)
            metric = self._counters[name]
            series = self._counter_series[name, *labels] = metric.labels(*labels) if labels else metric
        series.inc(amount)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Record how long a stage took."""
        series = self._seconds_series.get((name, *labels))
        if series is None:
            labels = self._bounded(name, labels, self._seconds_series)
            metric = self._seconds[name]
            series = self._seconds_series[name, *labels] = metric.labels(*labels) if labels else metric
        series.observe(seconds)

    def level(self, name: str, value: float, *labels: str) -> None:
        """Set how many there are now."""
        metric = self._gauges[name]
        (metric.labels(*labels) if labels else metric).set(value)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    @staticmethod
    def _bounded(name: str, labels: tuple[str, ...], series: Mapping[tuple[str, ...], object]) -> tuple[str, ...]:
        known = sum(1 for key in series if key[0] == name)
        return labels if known < MOST_SERIES else tuple(OTHER for _ in labels)

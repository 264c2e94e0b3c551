"""The node's own figures beside vLLM's in /metrics: what admission holds, what the gate refused, who left."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from serving.engine.admission import LIVE, Admission

REASONS = ("deadline", "background", "bounds", "key", "route", "body")


class Figures(Collector):
    """Counts for one engine; `restarts`: how often its supervisor started one anew in its place."""

    def __init__(self, admission: Admission, restarts: int = 0) -> None:
        self._admission = admission
        self._restarts = restarts
        self._refused = Counter(dict.fromkeys(REASONS, 0))
        self._cancelled = 0

    def refused(self, reason: str) -> None:
        """One request was not let in; `reason` is of REASONS."""
        assert reason in REASONS, f"{reason} is no reason to refuse"
        self._refused[reason] += 1

    def cancelled(self) -> None:
        """One client left before its answer had ended."""
        self._cancelled += 1

    def collect(self) -> Iterator[Metric]:
        """Everything as it is now; called by the registry for each reading of /metrics."""
        admission = self._admission
        yield GaugeMetricFamily("frontdesk_node_slots", "Answers the engine makes at once.", admission.slots)
        yield GaugeMetricFamily(
            "frontdesk_node_background_slots", "Answers of background work it makes at once at most.", admission.background_slots
        )
        answers = GaugeMetricFamily("frontdesk_node_answers", "Answers admitted that have not ended, by kind.", labels=["kind"])
        for kind, count in admission.by_kind().items():
            answers.add_metric([kind], count)
        yield answers
        wait_s = admission.wait_s(LIVE)
        yield GaugeMetricFamily("frontdesk_node_wait_seconds", "Estimated wait of a live answer that came now.", wait_s)
        refused = CounterMetricFamily("frontdesk_node_refused", "Requests refused before the engine saw them.", labels=["reason"])
        for reason, count in self._refused.items():
            refused.add_metric([reason], count)
        yield refused
        yield CounterMetricFamily(
            "frontdesk_node_cancelled", "Requests whose client left before the answer had ended.", self._cancelled
        )
        yield CounterMetricFamily(
            "frontdesk_node_restarts", "Engines started anew in this one's place since the node started.", self._restarts
        )

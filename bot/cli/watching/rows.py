"""From two readings to the figures of a line: levels of the later one, and what came between. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.cli.watching.exposition import Exposition, Part
from bot.cli.watching.histogram import Quantile

State = Literal["ready", "queueing", "restarted", "no token", "away"]
STARTED = ("process_start_time_seconds", "frontdesk_process_start_time_seconds")
GENERATED = "vllm:generation_tokens_total"
ALL = "all"
# counters that only a new process takes back
GROWING = (GENERATED, "vllm:prompt_tokens_total", "vllm:time_to_first_token_seconds_count", "frontdesk_turns_total")


@dataclass(frozen=True, slots=True)
class Spread:
    """Half of the values lie below `p50`, 95 of 100 below `p95`."""

    p50: Quantile
    p95: Quantile


@dataclass(frozen=True, slots=True)
class Tally:
    """A counter: all since the process started, and what came lately."""

    whole: float
    lately: float


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """One engine, or all together. None: not told, or nothing happened that it could be told from. Shares are 0 to 1."""

    name: str
    state: State
    up_s: float | None = None
    running: float | None = None
    waiting: float | None = None
    answers: float | None = None
    slots: float | None = None
    background: float | None = None
    background_slots: float | None = None
    kv_use: float | None = None
    hits_lately: float | None = None
    hits: float | None = None
    first_token: Spread | None = None
    inter_token: Spread | None = None
    tokens_in_s: float | None = None
    tokens_out_s: float | None = None
    refused: Tally | None = None
    preemptions: Tally | None = None
    restarts: float | None = None
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class NodeRows:
    """`rows`: one for each replica, then one for all where there are several. `seconds`: what "lately" is."""

    model: str
    seconds: float
    rows: Sequence[ReplicaRow]


@dataclass(frozen=True, slots=True)
class BotRow:
    """The bot process: answers in the making, conversations that wait, and how its answers go lately."""

    in_flight: float | None
    due: float | None
    answers_a_minute: float | None
    first_text: Spread | None
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """One process between two readings. `known`: there was an earlier one; else nothing is said of what came between."""

    now: Part
    before: Part
    known: bool
    restarted: bool
    seconds: float

    def change(self, name: str, **labels: str) -> float | None:
        whole = self.now.total(name, **labels)
        if whole is None or not self.known:
            return None
        return max(whole - (self.before.total(name, **labels) or 0.0), 0.0)

    def rate(self, name: str, **labels: str) -> float | None:
        """A second."""
        change = self.change(name, **labels)
        return None if change is None or self.seconds <= 0 else change / self.seconds

    def spread(self, name: str, **labels: str) -> Spread | None:
        came = self.now.histogram(name, **labels).since(self.before.histogram(name, **labels))
        p50, p95 = came.quantile(0.5), came.quantile(0.95)
        return Spread(p50, p95) if self.known and p50 and p95 else None

    def tally(self, *names: str) -> Tally | None:
        told = [name for name in names if self.now.total(name) is not None]
        if not told:
            return None
        return Tally(sum(self.now.total(name) or 0.0 for name in told), sum(self.change(name) or 0.0 for name in told))


def span(now: Part, before: Part | None, seconds: float, up_s: float | None) -> Span:
    """A process that started anew counts from nothing, as far back as it has lived."""
    if before is None or not before.samples:
        return Span(now, now, known=False, restarted=False, seconds=seconds)
    if _restarted(now, before):
        lived_s = seconds if up_s is None else min(seconds, max(up_s, 0.001))
        return Span(now, Part(), known=True, restarted=True, seconds=lived_s)
    return Span(now, before, known=True, restarted=False, seconds=seconds)


def _restarted(now: Part, before: Part) -> bool:
    pairs = [(now.total(name), before.total(name)) for name in GROWING]
    fell = any(late is not None and early is not None and late < early for late, early in pairs)
    started, earlier = _started(now), _started(before)
    return fell or (started is not None and earlier is not None and started != earlier)


def _started(part: Part) -> float | None:
    """Seconds since 1970; of several processes the last."""
    return max((started for name in STARTED if (started := part.highest(name)) is not None), default=None)


def node_rows(now: Exposition, before: Exposition | None, seen: Iterable[str] = ()) -> NodeRows:
    """`seen`: replicas that were there at some time; those that are not there now are away."""
    seconds = now.at - before.at if before else 0.0
    spans = {}
    for name, part in now.parts.items():
        if part.total(GENERATED) is not None:
            spans[name] = span(part, before.parts.get(name) if before else None, seconds, _up_s(part, now.clock))
    names = [*now.parts, *sorted(set(seen) - now.parts.keys())]
    rows = [_row(name, spans[name], now.clock) if name in spans else ReplicaRow(name, "away") for name in names]
    if len(rows) > 1 and spans:
        rows.append(_row(ALL, _all(list(spans.values()), seconds)))
    return NodeRows(now.whole.label(GENERATED, "model_name"), seconds, rows)


def _all(spans: Sequence[Span], seconds: float) -> Span:
    now, before = Part.together(one.now for one in spans), Part.together(one.before for one in spans)
    return Span(now, before, known=any(one.known for one in spans), restarted=False, seconds=seconds)


def _row(name: str, one: Span, clock: float | None = None) -> ReplicaRow:
    now = one.now
    return ReplicaRow(
        name,
        _state(one),
        up_s=None if clock is None else _up_s(now, clock),
        running=now.total("vllm:num_requests_running"),
        waiting=now.total("vllm:num_requests_waiting"),
        answers=now.total("frontdesk_node_answers"),
        slots=now.total("frontdesk_node_slots"),
        background=now.total("frontdesk_node_answers", kind="background"),
        background_slots=now.total("frontdesk_node_background_slots"),
        kv_use=now.highest("vllm:kv_cache_usage_perc"),
        hits_lately=_share(one.change("vllm:prefix_cache_hits_total"), one.change("vllm:prefix_cache_queries_total")),
        hits=_share(now.total("vllm:prefix_cache_hits_total"), now.total("vllm:prefix_cache_queries_total")),
        first_token=one.spread("vllm:time_to_first_token_seconds"),
        inter_token=one.spread("vllm:inter_token_latency_seconds"),
        tokens_in_s=one.rate("vllm:prompt_tokens_total"),
        tokens_out_s=one.rate(GENERATED),
        refused=one.tally("frontdesk_node_refused_total", "vllm:admission_rejections_total"),
        preemptions=one.tally("vllm:num_preemptions_total"),
        restarts=now.total("frontdesk_node_restarts_total"),
        wait_s=now.highest("frontdesk_node_wait_seconds"),
    )


def _state(one: Span) -> State:
    if one.restarted:
        return "restarted"
    if not one.now.total(GENERATED):
        return "no token"
    return "queueing" if one.now.total("vllm:num_requests_waiting") else "ready"


def _up_s(part: Part, clock: float) -> float | None:
    started = _started(part)
    return None if started is None else max(clock - started, 0.0)


def _share(some: float | None, of: float | None) -> float | None:
    return some / of if some is not None and of else None


def bot_row(now: Exposition, before: Exposition | None) -> BotRow:
    part, seconds = now.whole, now.at - before.at if before else 0.0
    one = span(part, before.whole if before else None, seconds, None)
    answered = one.rate("frontdesk_generation_requests_total", result="answered")
    counted = one.known and part.samples  # a counter that nobody moved yet is not shown
    return BotRow(
        part.total("frontdesk_in_flight"),
        part.total("frontdesk_due_conversations"),
        answered * 60 if answered is not None else 0.0 if counted else None,
        one.spread("frontdesk_turn_seconds", stage="first_token"),
        one.restarted,
    )

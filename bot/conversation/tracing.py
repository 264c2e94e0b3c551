"""What is kept and counted of how an answer was made."""

from bot.conversation.counters import Counters
from bot.conversation.fitting import Fitted
from bot.generation.node import over_estimate
from bot.generation.request import Draft, NodeProfile, Usage
from bot.store.traces import Trace
from bot.store.workspaces import WorkspaceContent


def window_tokens(usage: Usage | None, fitted: Fitted, answer: str) -> int:
    """Exact size of the window through this answer, or the documented over-estimate."""
    if usage is not None:
        return usage.prompt + usage.output
    return sum(over_estimate(text) for _, text in fitted.window.messages) + over_estimate(answer)


def trace(profile: NodeProfile, content: WorkspaceContent, attempts: int, draft: Draft, fitted: Fitted) -> Trace:
    """The trace of a whole answer."""
    usage = draft.usage
    return Trace(
        model=draft.model or profile.model,
        prompt_version=content.prompt_version,
        prompt_tokens=usage.prompt if usage is not None else None,
        cached_tokens=usage.cached if usage is not None else None,
        output_tokens=usage.output if usage is not None else None,
        attempts=attempts,
        queue_ms=draft.queue_ms,
        node_queue_ms=draft.node_queue_ms,
        first_token_ms=draft.first_token_ms,
        total_ms=draft.total_ms,
        finish_reason=draft.finish_reason,
        window_break=fitted.broken,
    )


def count(counters: Counters, kept: Trace, answered_s: float) -> None:
    """An answer was stored, `answered_s` seconds after its claim."""
    counters.count("turns", "bot")
    counters.count("generation", "answered")
    tokens = {"prompt": kept.prompt_tokens, "cached": kept.cached_tokens, "new": kept.new_tokens, "output": kept.output_tokens}
    for kind, number in tokens.items():
        counters.add("generation_tokens", number or 0, kind)
    if kept.window_break:
        counters.count("window_breaks", kept.window_break)
    stages = {"queue": kept.queue_ms, "node_queue": kept.node_queue_ms, "first_token": kept.first_token_ms}
    for stage, took_ms in stages.items():
        if took_ms is not None:
            counters.observe("stage", took_ms / 1000, stage)
    counters.observe("stage", answered_s, "answer")

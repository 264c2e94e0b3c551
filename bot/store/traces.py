"""Why an answer is what it is: one trace for each bot turn."""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.prepared import Prepared
from bot.store.tables import reply_trace
from bot.store.turns import Place

_INSERT = Prepared(sa.insert(reply_trace))


@dataclass(frozen=True, slots=True)
class Trace:
    """How one answer was made. `model`: as the node named it, a LoRA with its version. Tokens are the node's counts, None where
    it does not tell; times in milliseconds.

    `queue_ms`: from due to the request that gave the answer; `node_queue_ms`: in the node's own queue, part of `first_token_ms`.
    """

    model: str
    prompt_version: int
    prompt_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    attempts: int
    queue_ms: int
    first_token_ms: int | None
    total_ms: int
    finish_reason: str
    window_break: str
    passages: str = "[]"
    node_queue_ms: int | None = None

    @property
    def new_tokens(self) -> int | None:
        """Prompt tokens that the node had to compute; None where it does not tell which it had."""
        if self.prompt_tokens is None or self.cached_tokens is None:
            return None
        return self.prompt_tokens - self.cached_tokens


def add(connection: sa.Connection, place: Place, trace: Trace) -> None:
    """Store the trace of the bot turn at `place`, in the unit that stores the turn."""
    _INSERT.run(
        connection,
        {
            "workspace_id": place.workspace_id,
            "conversation_id": place.conversation_id,
            "seq": place.seq,
            "model": trace.model,
            "prompt_version": trace.prompt_version,
            "passages": trace.passages,
            "prompt_tokens": trace.prompt_tokens,
            "cached_tokens": trace.cached_tokens,
            "output_tokens": trace.output_tokens,
            "attempts": trace.attempts,
            "queue_ms": trace.queue_ms,
            "node_queue_ms": trace.node_queue_ms,
            "first_token_ms": trace.first_token_ms,
            "total_ms": trace.total_ms,
            "finish_reason": trace.finish_reason,
            "window_break": trace.window_break,
        },
    )

"""Reads a chat-completion event stream as bytes: the cheapest faithful way, since this decides how much one core can carry.

Source of the format: OpenAI's chat completion chunks as vLLM sends them, server-sent events with one `data:` line each.
"""

import json

import msgspec

from bot.errors import NodeGarbled, NodeUnavailable
from bot.generation.request import Delta, Usage

LINE_LIMIT = 1_000_000
LONGEST_NAME = 200
NOTHING = Delta("")
# the other words a server ends a stream with ("abort" of a vLLM that was told to end or pause) say that the answer is not whole
WHOLE = frozenset({"stop", "length", "content_filter", "tool_calls", "function_call", "eos_token", "stop_sequence"})


class _Content(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    delta: _Content
    finish_reason: str | None = None


class _Cached(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None


class _Metrics(msgspec.Struct):
    """Of vLLM with `--enable-per-request-metrics`, beside the counts."""

    queue_time_ms: float | None = None


class _Problem(msgspec.Struct):
    message: str = ""
    code: int | str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    model: str | None = None
    usage: _Usage | None = None
    metrics: _Metrics | None = None
    error: _Problem | None = None


_decode = msgspec.json.Decoder(list[_Chunk]).decode


class StreamReader:
    """Feed it bytes as they come, take deltas out. `reason` is why the answer ended, "" before it did; `closed`: [DONE] came."""

    def __init__(self) -> None:
        self._rest = b""
        self.reason = ""
        self.closed = False

    def feed(self, data: bytes) -> Delta:
        """What one read of the network completed, as one piece: a preview for each chunk would be work that nobody sees.

        Raises NodeGarbled, or NodeUnavailable when the node says in the stream that it gave up.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            raise NodeGarbled("the node sent a line of over 1 MB")
        payloads = [line[5:] for line in lines if line.startswith(b"data:")]
        if payloads and payloads[-1].strip() == b"[DONE]":
            self.closed = True
            payloads.pop()
        return self._merge(_chunks(payloads)) if payloads else NOTHING

    def _merge(self, chunks: list[_Chunk]) -> Delta:
        texts: list[str] = []
        reason, usage, model, refused, waited_ms = None, None, "", False, None
        for chunk in chunks:
            if chunk.error is not None:
                raise NodeUnavailable(f"the node gave up in mid-stream (code {chunk.error.code})")
            usage = chunk.usage or usage
            if chunk.metrics is not None and chunk.metrics.queue_time_ms is not None:
                waited_ms = max(int(chunk.metrics.queue_time_ms), 0)
            if chunk.choices:
                choice = chunk.choices[0]
                texts.append(choice.delta.content or "")
                refused = refused or bool(choice.delta.refusal)
                if choice.finish_reason:
                    reason, model = choice.finish_reason, (chunk.model or "")[:LONGEST_NAME]
        if reason is not None and reason not in WHOLE:
            raise NodeUnavailable(f"the node ended the answer early ({reason[:40]})")
        self.reason = reason or self.reason
        return Delta("".join(texts), reason, _usage(usage), refused, model, waited_ms)


def _chunks(payloads: list[bytes]) -> list[_Chunk]:
    """All of them in one call of the fast decoder: as elements of one array."""
    array = b"[" + b",".join(payloads) + b"]"
    try:
        return _decode(array)
    except msgspec.MsgspecError:
        pass  # half a surrogate pair is no JSON for the fast decoder, but the standard one lets it through to be cleaned
    try:
        return msgspec.convert(json.loads(array), list[_Chunk])
    except ValueError as error:  # what both decoders raise
        raise NodeGarbled("the node's stream is not a chat completion") from error


def _usage(found: _Usage | None) -> Usage | None:
    if found is None:
        return None
    details = found.prompt_tokens_details
    return Usage(found.prompt_tokens, found.completion_tokens, details.cached_tokens if details is not None else None)

"""Reads a chat-completion event stream as bytes: the cheapest faithful way, since this decides how much one core can carry.

Source of the format: OpenAI's chat completion chunks as vLLM sends them, server-sent events with one `data:` line each.
"""

import json
from collections.abc import Iterable, Iterator

import msgspec

from bot.errors import NodeGarbled, NodeUnavailable
from bot.generation.request import Delta, Usage

LINE_LIMIT = 1_000_000


class _Content(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Content
    finish_reason: str | None = None


class _Cached(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None


class _Problem(msgspec.Struct):
    message: str = ""
    code: int | str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Problem | None = None


_decode = msgspec.json.Decoder(_Chunk).decode


class StreamReader:
    """Feed it bytes as they come, take deltas out. `done` once the stream said [DONE] or gave a finish reason."""

    def __init__(self) -> None:
        self._rest = b""
        self.done = False

    def feed(self, data: bytes) -> Iterator[Delta]:
        """The deltas completed by `data`. Raises NodeGarbled, or NodeUnavailable when the node reports an error in the stream."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            raise NodeGarbled("the node sent a line of over 1 MB")
        for line in lines:
            if line.startswith(b"data:"):
                payload = line[5:].strip()
                if payload == b"[DONE]":
                    self.done = True
                else:
                    yield self._delta(payload)

    def _delta(self, payload: bytes) -> Delta:
        chunk = _chunk(payload)
        if chunk.error is not None:
            raise NodeUnavailable(f"the node gave up in mid-stream (code {chunk.error.code})")
        usage = _usage(chunk.usage)
        if not chunk.choices:
            return Delta("", None, usage)
        choice = chunk.choices[0]
        if choice.finish_reason is not None:
            self.done = True
        return Delta(choice.delta.content or "", choice.finish_reason, usage)


def merged(deltas: Iterable[Delta]) -> Delta:
    """What one read of the network brought, as one piece: a preview for each would be work that nobody sees."""
    texts: list[str] = []
    reason, usage = None, None
    for delta in deltas:
        texts.append(delta.text)
        reason, usage = delta.finish_reason or reason, delta.usage or usage
    return Delta("".join(texts), reason, usage)


def _chunk(payload: bytes) -> _Chunk:
    try:
        return _decode(payload)
    except msgspec.MsgspecError:
        pass  # half a surrogate pair is no JSON for the fast decoder, but the standard one lets it through to be cleaned
    try:
        return msgspec.convert(json.loads(payload), _Chunk)
    except ValueError as error:  # what both decoders raise
        raise NodeGarbled("the node's stream is not a chat completion") from error


def _usage(found: _Usage | None) -> Usage | None:
    if found is None:
        return None
    details = found.prompt_tokens_details
    return Usage(found.prompt_tokens, found.completion_tokens, details.cached_tokens if details is not None else None)

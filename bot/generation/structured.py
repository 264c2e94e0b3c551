"""An answer with a form: a typed result, or one of some texts, or an error that says which of the ways to fail it was.

It streams through the client as every answer does: the same deadlines, the same refusals when the node is full, and whoever
cancels frees the node's slot. The node holds the model to the form, so a result that does not fit is rare: it is asked for once
more.
"""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import NamedTuple, TypeVar

import msgspec

from bot.errors import AnswerCut, AnswerRefused, NodeGarbled
from bot.generation import form
from bot.generation.client import GenerationClient
from bot.generation.request import GenerationRequest, NodeProfile

MOST_CHARACTERS = 64 << 10
ATTEMPTS = 2
ANOTHER_TEMPERATURE = 0.3  # at 0 the second answer would be the first
T = TypeVar("T")
S = TypeVar("S", bound=str)


class Whole(NamedTuple):
    """An answer read to its end; `cut`: that was the end of `max_tokens`."""

    text: str
    cut: bool


async def structured(client: GenerationClient, request: GenerationRequest, profile: NodeProfile, *, of: type[T]) -> T:
    """A result of type `of` (a msgspec struct) within the request's `max_tokens`, at its priority.

    Raises AnswerCut, AnswerRefused, NodeGarbled (twice no such result), and what `GenerationClient.stream` raises.
    """
    request = replace(request, form=form.shaped(of))
    for attempt in range(ATTEMPTS):
        text = await _formed(client, request, profile)
        try:
            return msgspec.json.decode(text, type=of)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            request = replace(request, temperature=max(request.temperature, ANOTHER_TEMPERATURE))
            if attempt + 1 == ATTEMPTS:
                raise NodeGarbled(f"the node gave no {of.__name__} in {ATTEMPTS} attempts") from None
    raise AssertionError("the last attempt returns or raises")


async def choice(client: GenerationClient, request: GenerationRequest, profile: NodeProfile, *, among: tuple[S, ...]) -> S:
    """The one of `among` that the model chose. Errors as `structured`."""
    request = replace(request, form=form.OneOf(among))
    for _ in range(ATTEMPTS):
        chosen = _chosen(await _formed(client, request, profile), among, profile)
        if chosen is not None:
            return chosen
        request = replace(request, temperature=max(request.temperature, ANOTHER_TEMPERATURE))
    raise NodeGarbled(f"the node chose none of the {len(among)} texts in {ATTEMPTS} attempts")


def _chosen(text: str, among: tuple[S, ...], profile: NodeProfile) -> S | None:
    if not profile.extras:
        try:
            text = msgspec.json.decode(text, type=dict[str, str]).get(form.CHOICE, "")
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None
    return next((one for one in among if one == text.strip()), None)


async def _formed(client: GenerationClient, request: GenerationRequest, profile: NodeProfile) -> str:
    """Half a form is none."""
    text, cut = await whole(client, request, profile)
    if cut:
        raise AnswerCut(f"the answer did not end within {request.max_tokens} tokens")
    return text


async def whole(client: GenerationClient, request: GenerationRequest, profile: NodeProfile) -> Whole:
    """All of an answer that nobody reads along; leaving early, by whatever error, closes the stream.

    Raises AnswerRefused, NodeGarbled when it never ends, and what `GenerationClient.stream` raises.
    """
    pieces, size, reason = [], 0, ""
    async with client.stream(request, profile) as deltas, aclosing(deltas):
        async for delta in deltas:
            pieces.append(delta.text)
            size += len(delta.text)
            reason = delta.finish_reason or reason
            if delta.refused or reason == "content_filter":
                raise AnswerRefused("the model or its server declines to answer")
            if size > MOST_CHARACTERS:
                raise NodeGarbled(f"the node's answer has over {MOST_CHARACTERS} characters")
            await asyncio.sleep(0)  # live answers go first
    return Whole("".join(pieces), reason == "length")

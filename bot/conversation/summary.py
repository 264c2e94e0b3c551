"""What a conversation came to, for its own later reference: by fields where the node holds the model to them, else in words."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.conversation import reply
from bot.errors import AnswerCut, AnswerRefused, NodeGarbled, NodeRefused
from bot.generation.client import GenerationClient
from bot.generation.request import GenerationRequest, Message, NodeProfile
from bot.generation.structured import structured, whole

INSTRUCTION = (
    "Summarise our conversation so far for your own later reference, in at most 120 words: who the customer is, what they want, "
    "what was found out, promised and decided, and what is still open. Only the summary, no greeting."
)
AS_JSON = " As JSON."
TOKENS = 320

Line = Annotated[str, Meta(max_length=100)]
Lines = Annotated[list[Line], Meta(max_length=3)]


class Summary(msgspec.Struct, frozen=True):
    """The longest of them fits into `TOKENS` of a language with four characters a token."""

    customer: Line
    wants: Line
    known: Lines
    promised: Lines
    open: Lines


def asking(window: tuple[Message, ...]) -> tuple[Message, ...]:
    """The prompt that extends the conversation's own: the node finds all of it but the last message in its prefix cache."""
    return (*window, ("user", INSTRUCTION + AS_JSON))


async def summarised(
    client: GenerationClient, request: GenerationRequest, profile: NodeProfile, *, by_fields: bool = True
) -> str:
    """The summary that a request of `asking` gives, "" when there is nothing to say or the model declines to.

    Plain words are asked for where a server has no JSON schemas, where a model does not get to the end of one or leaves it empty,
    and not `by_fields`: a second try takes the shorter way. Raises a GenerationError.
    """
    try:
        if by_fields and (text := await _by_fields(client, request, profile)):
            return text
        in_words = replace(request, messages=(*request.messages[:-1], ("user", INSTRUCTION)))
        return reply.clean((await whole(client, in_words, profile)).text)
    except AnswerRefused:
        return ""


async def _by_fields(client: GenerationClient, request: GenerationRequest, profile: NodeProfile) -> str:
    with suppress(AnswerCut, NodeGarbled, NodeRefused):
        return rendered(await structured(client, request, profile, of=Summary))
    return ""


def rendered(summary: Summary) -> str:
    """A line for each field that says something."""
    return "\n".join(_lines(summary))


def _lines(summary: Summary) -> Iterator[str]:
    yield from _line("The customer", [summary.customer])
    yield from _line("Wants", [summary.wants])
    yield from _line("Known", summary.known)
    yield from _line("Promised and decided", summary.promised)
    yield from _line("Still open", summary.open)


def _line(title: str, texts: list[str]) -> Iterator[str]:
    said = [text for text in dict.fromkeys(" ".join(reply.clean(text).split()) for text in texts) if text]
    if said:
        yield f"{title}: {'; '.join(said)}"

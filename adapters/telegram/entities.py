"""The marks on a text as Telegram wants them: inside the text, in UTF-16 units, nested as allowed, few enough.

Rules from the Bot API ("MessageEntity", "Formatting options") and from what its server runs, tdlib's MessageEntity.cpp.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

STYLES = frozenset({"bold", "italic", "strikethrough"})  # tdlib's "splittable": around and inside anything but code
CODES = frozenset({"code", "pre"})
ORDER = ("blockquote", "pre", "code", "text_link", "bold", "italic", "strikethrough")  # tdlib: get_type_priority
MOST_ENTITIES = 100  # tdlib: MAX_USER_ENTITY_COUNT; the server ignores the rest
MOST_BYTES = 9_000  # the server refuses about 9,500 bytes of entities: "Entities_too_long", telegram-bot-api issue 165
ENTITY_BYTES = 16
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entity:
    """A mark as the Bot API takes it; offset and length in UTF-16 units."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A mark while the text is written; start and end in characters."""

    type: str
    start: int
    end: int
    url: str | None = None
    language: str | None = None


def units(text: str) -> int:
    """The length as Telegram counts it: UTF-16 units."""
    return len(text) if text.isascii() else len(text) + len(_ASTRAL.findall(text))


def sane(text: str, spans: Iterable[Span]) -> tuple[Entity, ...]:
    """What of the spans Telegram accepts on this text, sorted; whatever breaks a rule is left out."""
    trimmed = [span for one in spans if (span := _trimmed(text, one)).start < span.end]
    return _counted(text, _few(_nested(sorted(trimmed, key=_order))))


def _order(span: Span) -> tuple[int, int, int]:
    return span.start, -span.end, ORDER.index(span.type)


def _trimmed(text: str, span: Span) -> Span:
    """Without blank edges, which the server cuts off; the indentation of a block of code stays."""
    start, end = max(span.start, 0), min(span.end, len(text))
    while end > start and text[end - 1].isspace():
        end -= 1
    while span.type != "pre" and start < end and text[start].isspace():
        start += 1
    return Span(span.type, start, end, span.url, span.language)


def _nested(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    around: list[Span] = []
    for span in spans:
        while around and around[-1].end <= span.start:
            around.pop()
        if all(outer.end >= span.end and _may_hold(outer.type, span.type) for outer in around):
            kept.append(span)
            around.append(span)
    return kept


def _may_hold(outer: str, inner: str) -> bool:
    """Whether `inner` may stand inside `outer`; tdlib: are_entities_valid."""
    if outer == inner or outer in CODES or inner == "blockquote":
        return False
    if inner in CODES:
        return outer == "blockquote"
    return True


def _few(spans: list[Span]) -> list[Span]:
    """At most what a message carries. Styles go first, then what stands last."""
    kept: list[Span] = []
    room = MOST_BYTES
    for span in sorted(spans, key=lambda one: one.type in STYLES):
        room -= ENTITY_BYTES + len((span.url or span.language or "").encode())
        if room < 0 or len(kept) == MOST_ENTITIES:
            break
        kept.append(span)
    return sorted(kept, key=_order)


def _counted(text: str, spans: list[Span]) -> tuple[Entity, ...]:
    astral = [] if text.isascii() else [found.start() for found in _ASTRAL.finditer(text)]

    def unit(place: int) -> int:
        return place + bisect_left(astral, place)

    return tuple(Entity(one.type, unit(one.start), unit(one.end) - unit(one.start), one.url, one.language) for one in spans)

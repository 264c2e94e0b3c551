"""Message entities: how they are read and which may nest. `get_text_entity_type` in Client.cpp; `fix_entities` in
MessageEntity.cpp.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.telegram_server.refusal import Refusal, bad_request

SPLITTABLE = ("bold", "italic", "underline", "strikethrough", "spoiler")
QUOTES = frozenset({"blockquote", "expandable_blockquote"})
CODES = frozenset({"code", "pre"})
_PASSED_OVER = """
    mention hashtag cashtag bot_command url email phone_number bank_card_number
"""
PASSED_OVER = frozenset(_PASSED_OVER.split())  # found, never taken
FIELDS = {
    "text_link": "url",
    "pre": "language",
    "custom_emoji": "custom_emoji_id",
    "date_time": "unix_time",
    "text_mention": "user",
}
KNOWN = frozenset({*SPLITTABLE, *QUOTES, *CODES, *FIELDS})
PRIORITY = {  # MessageEntity::get_type_priority
    **dict.fromkeys(QUOTES, 0), "pre": 11, "code": 20, "date_time": 30, "text_link": 49, "text_mention": 49,
    "bold": 90, "italic": 91, "underline": 92, "strikethrough": 93, "spoiler": 94, "custom_emoji": 99,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """An entity over `length` UTF-16 units from `offset`."""

    type: str
    offset: int
    length: int
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.offset + self.length

    @property
    def order(self) -> tuple[int, int, int]:
        return self.offset, -self.length, PRIORITY.get(self.type, 50)

    def between(self, start: int, end: int) -> "Mark":
        return self if (start, end) == (self.offset, self.end) else Mark(self.type, start, end - start, self.extra)

    def as_json(self) -> dict[str, Any]:
        return {"offset": self.offset, "length": self.length, "type": self.type, **self.extra}


def in_order(marks: list[Mark]) -> list[Mark]:
    return sorted(marks, key=lambda mark: mark.order)


def read_marks(argument: str | None) -> list[Mark]:
    """The `entities` argument. What is not JSON or not an array counts as none given (Client::get_input_entities)."""
    if not argument:
        return []
    try:
        given = msgspec.json.decode(argument.encode())
    except msgspec.DecodeError:
        return []
    if not isinstance(given, list):
        return []
    return [mark for each in given if (mark := _read(each)) is not None]


def _read(given: Any) -> Mark | None:
    if not isinstance(given, dict):
        raise _unreadable("expected an Object")
    offset, length = (_number(given, name) for name in ("offset", "length"))
    kind = given.get("type")
    if kind is None:
        raise _unreadable('can\'t find field "type"')
    if kind in PASSED_OVER:
        return None
    if kind not in KNOWN:
        raise _unreadable("Unsupported type specified" if kind else "Type is not specified")
    return Mark(kind, offset, length, _extra(kind, given))


def _extra(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    name = FIELDS.get(kind)
    if name is None:
        return {}
    if name not in given and kind != "pre":
        raise _unreadable(f'can\'t find field "{name}"')
    value = given.get(name)
    if kind == "text_link":
        value = checked_link(str(value))
    return {} if not value else {name: value}


def _number(given: dict[str, Any], name: str) -> int:
    value = given.get(name)
    if value is None:
        raise _unreadable(f'can\'t find field "{name}"')
    try:
        return int(value)
    except (TypeError, ValueError):
        raise _unreadable(f'field "{name}" must be a valid Number') from None


def _unreadable(why: str) -> Refusal:
    return bad_request(f"Can't parse MessageEntity: {why}")


def checked_link(url: str) -> str:
    """LinkManager::check_link: http, https, tg or ton; a host with a dot."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host = parts.hostname or ""
    except ValueError:
        raise bad_request(f"Entity URL '{url}' is invalid: Host is invalid") from None
    if parts.scheme.lower() in {"tg", "ton", "tonsite"} and host:
        return url
    if parts.scheme.lower() not in {"http", "https"}:
        raise bad_request(f"Entity URL '{url}' is invalid: Unsupported URL protocol")
    if not host:
        raise bad_request(f"Entity URL '{url}' is invalid: URL host is empty")
    if "." not in host and ":" not in host:
        raise bad_request(f"Entity URL '{url}' is invalid: Wrong HTTP URL")
    return url if parts.path else f"{parts.scheme}://{parts.netloc}/{'?' + parts.query if parts.query else ''}"


def fitted(marks: list[Mark]) -> list[Mark]:
    """The marks as the server nests them: links, code and mentions never overlap one another, quotes neither; nothing stands
    inside code; bold and its like are merged and cut where another mark begins or ends. Valid marks come back as they were, in
    order.
    """
    marks = in_order(marks)
    if _valid(marks):
        return marks
    quotes = _apart([mark for mark in marks if mark.type in QUOTES])
    solid = [
        mark for mark in _apart([mark for mark in marks if _solid(mark)]) if not any(_crosses(mark, quote) for quote in quotes)
    ]
    others = in_order(solid + quotes)
    return in_order(others + _cut([mark for mark in marks if mark.type in SPLITTABLE], others))


def _solid(mark: Mark) -> bool:
    """A "continuous" entity: neither splittable nor a quote."""
    return mark.type not in SPLITTABLE and mark.type not in QUOTES


def _valid(marks: list[Mark]) -> bool:
    """are_entities_valid: the nesting as it stands needs no mending."""
    open_marks: list[Mark] = []
    ends: dict[str, int] = {}
    for mark in marks:
        while open_marks and mark.offset >= open_marks[-1].end:
            open_marks.pop()
        if open_marks and not _may_stand_in(mark, open_marks):
            return False
        if mark.type in SPLITTABLE:
            if ends.get(mark.type, -1) == mark.offset:  # two that touch are one
                return False
            ends[mark.type] = mark.end
        open_marks.append(mark)
    return True


def _may_stand_in(mark: Mark, parents: list[Mark]) -> bool:
    if mark.end > parents[-1].end or parents[-1].type in CODES or any(parent.type in SPLITTABLE for parent in parents):
        return False
    if mark.type in CODES and any(parent.type not in QUOTES for parent in parents):
        return False
    if mark.type not in SPLITTABLE and any(_solid(parent) for parent in parents):
        return False
    return not (mark.type in QUOTES and any(parent.type in QUOTES for parent in parents))


def _apart(marks: list[Mark]) -> list[Mark]:
    """Those that begin where the last kept one is over (remove_intersecting_entities)."""
    kept: list[Mark] = []
    for mark in marks:
        if not kept or mark.offset >= kept[-1].end:
            kept.append(mark)
    return kept


def _crosses(mark: Mark, quote: Mark) -> bool:
    """Overlapping a quote without lying inside it (remove_entities_intersecting_blockquote)."""
    overlap = mark.offset < quote.end and quote.offset < mark.end
    return overlap and not (quote.offset <= mark.offset and mark.end <= quote.end)


def _cut(marks: list[Mark], others: list[Mark]) -> list[Mark]:
    """split_entities: one type's overlapping marks are joined, then cut at the edges of the others and at each other's
    beginnings.
    """
    joined = [mark for kind in SPLITTABLE for mark in _joined([mark for mark in marks if mark.type == kind])]
    edges = sorted({edge for other in others for edge in (other.offset, other.end)} | {mark.offset for mark in joined})
    codes = [other for other in others if other.type in CODES]
    pieces: list[Mark] = []
    for mark in joined:
        inner = edges[bisect_right(edges, mark.offset) : bisect_left(edges, mark.end)]
        bounds = [mark.offset, *inner, mark.end]
        pieces += [mark.between(start, end) for start, end in pairwise(bounds)]
    return [piece for piece in pieces if not any(code.offset <= piece.offset < code.end for code in codes)]


def _joined(marks: list[Mark]) -> list[Mark]:
    joined: list[Mark] = []
    for mark in marks:
        if joined and mark.offset <= joined[-1].end:
            joined[-1] = joined[-1].between(joined[-1].offset, max(joined[-1].end, mark.end))
        else:
            joined.append(mark)
    return joined

"""What becomes of a text on its way to the chat: `fix_formatted_text` and `clean_input_string` of tdlib/td (MessageEntity.cpp,
misc.cpp).

The server mends much in silence; each kind of mending is named in `Formatted.mended`, so that a test can ask for none.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.telegram_server.marks import Mark, fitted, in_order
from tests.telegram_server.refusal import bad_request
from tests.telegram_server.spotting import spotted

MOST_UNITS = 4096  # "1-4096 characters after entities parsing"; counted in UTF-16 units, the stricter reading
MOST_BYTES = 1 << 15  # Client::get_formatted_text: "Text is too long"

_BLANKED = {code: " " for code in range(32) if code not in {10, 13}}
_DROPPED = dict.fromkeys([13, *range(0x2028, 0x202F), 0x333, 0x33F, 0x30A])
_CLEAN = str.maketrans({**_BLANKED, **_DROPPED})
_DIRTY = re.compile("[\x00-\x09\x0b-\x1f\u2028-\u202e\u0333\u033f\u030a]")
_MARKS_IN_A_ROW = re.compile("[\u200e\u200f](?=[\u200e\u200f])")  # replace_offending_characters: all but the last of a run
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Formatted:
    """Text as stored, its entities as JSON objects, and what the server changed without saying so."""

    text: str
    entities: list[dict[str, Any]]
    mended: tuple[str, ...] = ()


def units(text: str) -> int:
    """Length in UTF-16 code units, the unit of every offset in the Bot API."""
    return len(text) + len(_ASTRAL.findall(text)) if not text.isascii() else len(text)


def formatted(text: str, marks: list[Mark], *, private: bool = False, may_be_empty: bool = False) -> Formatted:
    """Text with the bot's own entities and those the server finds. Raises 400 with the server's words."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise bad_request("Strings must be encoded in UTF-8") from None
    if size > MOST_BYTES:
        raise bad_request("Text is too long")
    mended: list[str] = []
    asked = [mark for mark in marks if _in_range(mark)]
    if len(asked) != len(marks):
        mended.append("empty entity dropped")
    kept = fitted(asked)
    if kept != in_order(asked):
        mended.append("entities nested anew")
    clean, kept = _cleaned(text, kept, mended)
    clean, kept = _trimmed(clean, kept, mended)
    if not clean and not may_be_empty:
        raise bad_request("Text must be non-empty")
    return Formatted(clean, [mark.as_json() for mark in spotted(clean, kept, commands=not private)], tuple(mended))


def _in_range(mark: Mark) -> bool:
    """Whether there is anything to mark; an empty entity is dropped in silence."""
    if not 0 <= mark.offset <= 1_000_000:
        raise bad_request(f"Receive an entity with incorrect offset {mark.offset}")
    if not 0 <= mark.length <= 1_000_000:
        raise bad_request(f"Receive an entity with incorrect length {mark.length}")
    return mark.length > 0


def _cleaned(text: str, marks: list[Mark], mended: list[str]) -> tuple[str, list[Mark]]:
    """Control characters become spaces, carriage returns and direction marks go, and entities must begin and end between
    characters.
    """
    clean = _MARKS_IN_A_ROW.sub("\u200c", text.translate(_CLEAN)) if not text.isascii() or _DIRTY.search(text) else text
    if clean != text:
        mended.append("characters replaced")
    if not marks:
        return clean, []
    place = _places(text)
    moved = [_moved(mark, place) for mark in marks]
    return clean, fitted([mark for mark in moved if mark.length > 0])


def _places(text: str) -> Callable[[int], int | None]:
    """From an offset in the text to one in the clean text, in UTF-16 units; None in the middle of a symbol. Raises KeyError past
    the end.
    """
    if text.isascii() and "\r" not in text:
        size = len(text)
        return lambda offset: offset if offset <= size else _past(offset)
    places: dict[int, int | None] = {}
    old = new = 0
    for each in text:
        places[old] = new
        width = 2 if each > "\uffff" else 1
        if width == 2:
            places[old + 1] = None
        old += width
        new += 0 if ord(each) in _DROPPED else width
    places[old] = new
    return places.__getitem__


def _past(offset: int) -> int:
    raise KeyError(offset)


def _moved(mark: Mark, place: Callable[[int], int | None]) -> Mark:
    """The mark where it is in the clean text: clean_input_string_with_entities, whose errors these are (byte offsets are not
    given).
    """
    try:
        start = place(mark.offset)
    except KeyError:
        raise bad_request(f"Entity begins after the end of the text at UTF-16 offset {mark.offset}") from None
    if start is None:
        raise bad_request("Entity begins in a middle of a UTF-16 symbol at byte offset")
    try:
        end = place(mark.end)
    except KeyError:
        words = f"Entity beginning at UTF-16 offset {mark.offset} ends after the end of the text at UTF-16 offset {mark.end}"
        raise bad_request(words) from None
    if end is None:
        raise bad_request(f"Entity beginning at UTF-16 offset {mark.offset} ends in a middle of a UTF-16 symbol at byte offset")
    return mark.between(start, end)


def _trimmed(text: str, marks: list[Mark], mended: list[str]) -> tuple[str, list[Mark]]:
    """Spaces and newlines go at the end always, at the start only up to the first entity."""
    stripped = text.rstrip(" \n")
    end = units(stripped)
    marks = [mark.between(mark.offset, min(mark.end, end)) for mark in marks if mark.offset < end]
    lead = len(stripped) - len(stripped.lstrip(" \n"))
    if marks:
        lead = min(lead, marks[0].offset)
    if lead or stripped != text:
        mended.append("trimmed")
    return stripped[lead:], [mark.between(mark.offset - lead, mark.end - lead) for mark in marks]

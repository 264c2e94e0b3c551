"""Markdown read as events, whatever it is."""

from collections.abc import Sequence

import pyromark

from adapters.markdown import Ranged, events, plain

_OPTIONS = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_MATH
)
_ROUNDS = 3


def read(markdown: str) -> tuple[bytes, Sequence[Ranged]]:
    """The text as it was parsed, in UTF-8, and its events with ranges in it. Definitions that no link uses are text: Markdown
    would drop them, and a list of sources is often written so. Raises Unreadable.
    """
    text = plain(markdown)
    found = events(text, _OPTIONS)
    for _ in range(_ROUNDS):
        if "]:" not in text or not (spare := _spare_definitions(text, found)):
            break
        text = _escaped(text, spare)
        found = events(text, _OPTIONS)
    return text.encode(), found


def _spare_definitions(text: str, read: Sequence[Ranged]) -> list[int]:
    """Where definitions begin that no link uses, in bytes."""
    tags = [tag for event, _ in read if isinstance(event, dict) and isinstance(tag := event.get("Start"), dict)]
    used = {_label(target["id"]) for tag in tags if (target := tag.get("Link") or tag.get("Image"))}
    found = pyromark.reference_definitions(text, options=_OPTIONS)
    return sorted(one["span"]["start"] for label, one in found.items() if _label(label) not in used)


def _label(words: str) -> str:
    return " ".join(words.split()).casefold()


def _escaped(text: str, places: Sequence[int]) -> str:
    source = text.encode()
    ends = [*places[1:], len(source)]
    return (source[: places[0]] + b"".join(b"\\" + source[a:b] for a, b in zip(places, ends, strict=True))).decode()

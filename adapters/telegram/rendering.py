"""A Markdown answer as Telegram shows it: plain text and entities. Never `parse_mode`, which fails on what a model writes."""

from dataclasses import dataclass
from functools import lru_cache

from adapters.markdown import Unreadable
from adapters.telegram.characters import blank, clean
from adapters.telegram.entities import Entity, sane, units
from adapters.telegram.page import Page
from adapters.telegram.source import read
from adapters.telegram.walk import Walk

KEPT = 256  # an answer is measured, and sent soon after
LONGEST_KEPT = 8_192


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one message carries."""

    text: str
    entities: tuple[Entity, ...]


def render(markdown: str) -> Rendered:
    """The text and its marks, for any text whatsoever. The text is empty only when there is nothing to see in the Markdown."""
    page = _page(markdown)
    text = page.text.rstrip()
    if not blank(text):
        return Rendered(text, sane(text, page.spans))
    plain = clean(markdown).strip()
    return Rendered("" if blank(plain) else plain, ())


def length(markdown: str) -> int:
    """UTF-16 units of the rendered text, which is what Telegram limits to 4096."""
    text = _page(markdown).text.rstrip()
    return units(render(markdown).text if blank(text) else text)


def _page(markdown: str) -> Page:
    """A finished page; nobody writes on it any more."""
    return _kept(markdown) if len(markdown) <= LONGEST_KEPT else _written(markdown)


@lru_cache(KEPT)
def _kept(markdown: str) -> Page:
    return _written(markdown)


def _written(markdown: str) -> Page:
    try:
        source, events = read(markdown)
    except Unreadable:
        return Page()
    walk = Walk(source)
    for event, place in events:
        walk.take(event, place["start"])
    return walk.page

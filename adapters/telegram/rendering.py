"""A Markdown answer as Telegram shows it: plain text and entities. Never `parse_mode`, which fails on what a model writes."""

from dataclasses import dataclass

from adapters.telegram.characters import blank, clean
from adapters.telegram.entities import Entity, sane, units
from adapters.telegram.page import Page
from adapters.telegram.source import Unreadable, read
from adapters.telegram.walk import Walk


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
    try:
        source, events = read(markdown)
    except Unreadable:
        return Page()
    walk = Walk(source)
    for event, place in events:
        walk.take(event, place["start"])
    return walk.page

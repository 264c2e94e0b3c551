"""Markdown read as events, whatever it is."""

from collections.abc import Sequence

import pyromark

from adapters.markdown import Ranged, events, plain

_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH


def read(markdown: str) -> tuple[bytes, Sequence[Ranged]]:
    """The text in UTF-8 and its events with their ranges in it; raises Unreadable."""
    text = plain(markdown)
    return text.encode(), events(text, _OPTIONS)

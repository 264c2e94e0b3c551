"""Markdown read as events, whatever it is."""

import re
from collections.abc import Sequence

import pyromark
from pyromark.event import Event, Range

Ranged = tuple[Event, Range]
_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH
_HALVES = re.compile("[\ud800-\udfff]")


class Unreadable(Exception):
    """The parser broke on this text."""


def read(markdown: str) -> tuple[bytes, Sequence[Ranged]]:
    """The text in UTF-8 and its events with their ranges in it; raises Unreadable."""
    text = _HALVES.sub("\ufffd", markdown.replace("\r\n", "\n").replace("\r", "\n"))
    try:
        return text.encode(), tuple(pyromark.events_with_range(text, options=_OPTIONS, merge_text=True))
    except BaseException as problem:
        # a panic of the Rust parser is no Exception: left alone, one crafted text would end the process
        if type(problem).__name__ != "PanicException":
            raise
        raise Unreadable from problem

"""Markdown as events for channels that show it their own way, whatever the text is."""

import re
from collections.abc import Sequence

import pyromark
from pyromark.event import Event, Range

Ranged = tuple[Event, Range]
_HALVES = re.compile("[\ud800-\udfff]")


class Unreadable(Exception):
    """The parser broke on this text."""


def plain(markdown: str) -> str:
    """The text with one kind of line end and without half surrogates, as the parser and UTF-8 want it."""
    return _HALVES.sub("\ufffd", markdown.replace("\r\n", "\n").replace("\r", "\n"))


def events(text: str, options: pyromark.Options) -> Sequence[Ranged]:
    """Events with their ranges in the UTF-8 of a `plain` text; raises Unreadable."""
    try:
        return tuple(pyromark.events_with_range(text, options=options, merge_text=True))
    except BaseException as problem:
        # a panic of the Rust parser is no Exception: left alone, one crafted text would end the process
        if type(problem).__name__ != "PanicException":
            raise
        raise Unreadable from problem

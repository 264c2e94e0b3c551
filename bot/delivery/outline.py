"""Where a Markdown text may be cut: its blocks, its lines, its fences. Places are counted in characters."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyromark

BLOCKS = frozenset({"Paragraph", "Heading", "CodeBlock", "BlockQuote", "List", "Item", "Table", "TableRow", "HtmlBlock"})
SPANS = frozenset({"Strong", "Emphasis", "Strikethrough", "Link", "Image"})
ATOMS = frozenset({"Code", "InlineMath", "DisplayMath", "InlineHtml"})
_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH | pyromark.Options.ENABLE_MATH
_HALVES = re.compile("[\ud800-\udfff]")
_FENCE = re.compile(r"(`{3,}|~{3,})([^\n]*)")
_LONGEST_INFO = 64  # of what a fence that goes on in the next part repeats, in characters


class _Unreadable(Exception):
    """The parser broke on this text."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A block of code: its code begins at `first` and ends at `closing`, where the line that closes it begins."""

    start: int
    first: int
    closing: int
    end: int
    lead: str  # what stands before the fence on its line, list markers as spaces: "> ", "   "
    run: str
    info: str
    closed: bool

    @property
    def quotes(self) -> str:
        """The lead that it needs where it is opened again: outside its list, inside its quote."""
        return "> " * self.lead.count(">")


@dataclass(frozen=True, slots=True)
class Outline:
    """What a cut must know of the text."""

    blocks: Sequence[int]  # starts of blocks that stand by themselves; one right behind its heading is not among them
    starts: Sequence[int]  # starts of items, rows and blocks inside others
    fences: Sequence[Fence]
    spans: Sequence[tuple[int, int]]  # bold words, links, inline code: not to be cut if it can be helped

    def fence_across(self, place: int) -> Fence | None:
        """The fence that a cut at `place` would tear."""
        at = bisect_right(self.fences, place, key=lambda fence: fence.start) - 1
        fence = self.fences[at] if at >= 0 else None
        return fence if fence and fence.start < place < fence.end else None

    def whole(self, place: int) -> bool:
        """Whether a cut at `place` tears neither code nor a span."""
        at = bisect_left(self.spans, (place, 0)) - 1
        return (at < 0 or self.spans[at][1] <= place) and self.fence_across(place) is None

    def allows(self, place: int) -> bool:
        """Whether a cut at `place` leaves code on both sides, if it tears code at all."""
        fence = self.fence_across(place)
        return fence is None or fence.first < place < fence.closing


def outline(text: str) -> Outline:
    """Read the structure; a text that the parser breaks on has none."""
    try:
        return _outline(text, _marks(text))
    except _Unreadable:
        return Outline((), (), (), ())


def _outline(text: str, marks: Iterable[tuple[str, bool, int, int]]) -> Outline:
    blocks: list[int] = []
    starts: list[int] = []
    codes: list[tuple[int, int]] = []
    spans: list[tuple[int, int]] = []
    depth, after_heading = 0, False
    for name, opens, start, end in marks:
        if name in SPANS or name in ATOMS:
            if opens and (not spans or start >= spans[-1][1]):
                spans.append((start, end))
        elif not opens:
            depth -= 1
            after_heading = name == "Heading" and depth == 0
        else:
            (starts if depth or after_heading else blocks).append(start)
            depth += name != "Rule"
            after_heading = False
            if name == "CodeBlock":
                codes.append((start, end))
    fences = [fence for start, end in codes if (fence := _fence(text, start, end))]
    return Outline(_lines(text, blocks), _lines(text, starts), fences, spans)


def _lines(text: str, starts: Iterable[int]) -> list[int]:
    """Where the lines begin that the blocks stand on."""
    return sorted({text.rfind("\n", 0, start) + 1 for start in starts})


def _marks(text: str) -> Iterator[tuple[str, bool, int, int]]:
    """(name, whether it opens, start, end) of what matters to a cut, in the order of the text."""
    found = [(name, opens, place) for event, place in _events(text) if (name := _name(event)) for opens in (_opens(event),)]
    chars = _characters(text, {at for _, _, place in found for at in place.values()})
    for name, opens, place in found:
        yield name, opens, chars[place["start"]], chars[place["end"]]


def _events(text: str) -> Iterable[tuple[Any, Any]]:
    try:
        return tuple(pyromark.events_with_range(_HALVES.sub("?", text), options=_OPTIONS, merge_text=True))
    except BaseException as problem:
        # a panic of the Rust parser is no Exception: left alone, one crafted text would end the process
        if type(problem).__name__ != "PanicException":
            raise
        raise _Unreadable from problem


def _opens(event: Any) -> bool:
    return isinstance(event, str) or "End" not in event


def _name(event: Any) -> str:
    """What begins or ends here, if a cut must know it."""
    if isinstance(event, str):
        return event if event == "Rule" else ""
    ((kind, tag),) = event.items()
    if kind in ATOMS:
        return str(kind)
    name = tag if isinstance(tag, str) else next(iter(tag)) if isinstance(tag, dict) else ""
    return name if kind in {"Start", "End"} and (name in BLOCKS or name in SPANS) else ""


def _characters(text: str, places: set[int]) -> dict[int, int]:
    """Places in UTF-8 bytes as places in characters."""
    if text.isascii():
        return {place: place for place in places}
    source, found, last, count = _HALVES.sub("?", text).encode(), {}, 0, 0
    for place in sorted(places):
        count += len(source[last:place].decode(errors="ignore"))
        found[place], last = count, place
    return found


def _fence(text: str, start: int, end: int) -> Fence | None:
    """The fence of a block of code; None for code that is only indented."""
    opening = _FENCE.match(text, start)
    if opening is None:
        return None
    before = text[text.rfind("\n", 0, start) + 1 : start]
    body = text[start:end].rstrip()
    last = start + body.rfind("\n") + 1
    closing = text[last : start + len(body)].lstrip("> \t")
    closed = last > start and not closing.strip(opening[1][0]) and len(closing) >= len(opening[1])
    return Fence(
        start,
        first=text.find("\n", start) + 1 or end,
        closing=last if closed else start + len(body),
        end=start + len(body),
        lead=re.sub(r"[^>\s]", " ", before),
        run=opening[1],
        info=opening[2].strip() if len(opening[2]) <= _LONGEST_INFO else "",
        closed=closed,
    )

"""One answer as several messages: cut at the best places, with every fence closed where it is cut and opened again behind."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from wcwidth import iter_graphemes

from bot.delivery.outline import Outline, outline

Measure = Callable[[str], int]
ENOUGH = 2  # a better place is taken over a later one when the part is at least half full
ENOUGH_WHOLE = 8  # and over tearing a link, a span of code or a word when it is an eighth full
REACH = 8  # a part is sought among so many times its length in source: addresses of links show as one word
GUESSES = 4  # by proportion, before halving
_SENTENCE = re.compile(
    r"(?<!\d)[.!?\u2026]+[\"'\u2019\u201d\u00bb)\]*_]*\s+"  # Latin and its like: a space must follow
    r"|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\uff09]*\s*"  # Chinese and Japanese
    r"|[\u061f\u06d4\u0964]\s*"  # Arabic, Urdu, Hindi
)
_LINE = re.compile("\n")
_GAP = re.compile(r"\s+")
_LEAD = re.compile(r"[\s>*+#-]*(?:\d{1,9}[.)])?\s*")
_LONGEST_LEAD = 24


def split(text: str, measure: Measure, most: int) -> tuple[str, ...]:
    """Parts of at most `most` as `measure` counts them, in order, none of them blank; a text that fits comes back as it is
    and one of nothing but white space as one part.

    Cut between blocks, else items and rows, lines, sentences, words, characters. The first parts of a growing text stay what
    they are, but for a link or style that closes just at the cut. `measure` may shrink only by marks (`**`) when a text
    grows. A `most` too small for one character or a fence's own lines is exceeded or leaves the fence out; from 100 on
    neither happens to ordinary text.
    """
    cuts = _Cuts(text, measure, most)
    parts, start = [], 0
    while start < len(text):
        end, part = cuts.next(start)
        if end == len(text) and not start and (part == text or measure(text) <= most):
            return (text,)
        if text[start:end].strip():
            parts.append(part)
        start = end
    return tuple(parts) or ("",)


class _Cuts:
    """Finds the end of each part of one text."""

    def __init__(self, text: str, measure: Measure, most: int) -> None:
        self._text = text
        self._measure = measure
        self._most = most
        self._outline: Outline | None = None
        self._rate = 1.0  # characters of source that make one of `most`, as found so far

    def next(self, start: int) -> tuple[int, str]:
        """Where the part from `start` ends, and the part."""
        if not start and len(self._text) <= 2 * self._most and self._measure(self._text) <= self._most:
            return len(self._text), self._text
        shape = self._shape()
        search = _Search(start, len(self._text), lambda end: self._measure(piece(self._text, shape, start, end)), self._most)
        search.rate = self._rate
        for enough, places in self._levels(shape, start):
            search.advance(places())
            if (search.found > start and search.size * enough >= self._most) or search.found == len(self._text):
                break
        if search.found > start:
            self._rate = search.rate
            return search.found, piece(self._text, shape, start, search.found)
        return self._anyhow(start)

    def _shape(self) -> Outline:
        self._outline = self._outline or outline(self._text)
        return self._outline

    def _levels(self, shape: Outline, start: int) -> Iterator[tuple[int, Callable[[], Sequence[int]]]]:
        """Kinds of places after `start`, the best first, with how full a part must be to go no further."""
        window = self._text[start : start + REACH * self._most]
        stop = start + len(window)
        last = [stop] if stop == len(self._text) else []

        def among(places: Sequence[int]) -> list[int]:
            return [*places[bisect_right(places, start) : bisect_left(places, stop)], *last]

        def after(pattern: re.Pattern[str], fits: Callable[[int], bool]) -> list[int]:
            found = (start + one.end() for one in pattern.finditer(window))
            return [*(place for place in found if place < stop and fits(place) and not self._leads(place)), *last]

        yield ENOUGH, lambda: among(shape.blocks)
        yield ENOUGH, lambda: among(shape.starts)
        yield ENOUGH, lambda: after(_LINE, shape.allows)
        yield ENOUGH, lambda: after(_SENTENCE, shape.whole)
        yield ENOUGH_WHOLE, lambda: after(_GAP, shape.whole)
        yield ENOUGH_WHOLE, lambda: after(_GAP, shape.allows)
        yield ENOUGH_WHOLE, lambda: [place for place in _clusters(window[: 2 * self._most], start) if shape.allows(place)]
        yield (
            ENOUGH_WHOLE,
            lambda: [place for place in range(start + 1, min(start + 2 * self._most, stop)) if shape.allows(place)],
        )

    def _leads(self, place: int) -> bool:
        """Whether nothing but indentation and marks of a list, a quote or a heading stands before `place` on its line."""
        line = self._text.rfind("\n", max(place - _LONGEST_LEAD, 0), place) + 1
        return (line > 0 or place <= _LONGEST_LEAD) and line < place and _LEAD.fullmatch(self._text, line, place) is not None

    def _anyhow(self, start: int) -> tuple[int, str]:
        """Not even a character fits with its fence around it: characters then, without."""
        search = _Search(start, len(self._text), lambda end: self._measure(self._text[start:end]), self._most)
        search.advance(range(start + 1, min(start + 2 * self._most, len(self._text)) + 1))
        end = max(search.found, start + 1)
        return end, self._text[start:end]


class _Search:
    """The furthest place that fits. `size` is what the part up to it measures."""

    def __init__(self, start: int, end: int, sized: Callable[[int], int], most: int) -> None:
        self._start = start
        self._sized = sized
        self._most = most
        self._beyond = end + 1  # the nearest place known not to fit
        self.found = start
        self.size = 0
        self.rate = 1.0

    def advance(self, places: Sequence[int]) -> None:
        """Look among `places`, sorted, beyond what was found."""
        low, high = bisect_right(places, self.found), bisect_left(places, self._beyond)
        guesses = 0
        while low < high:
            guesses += 1
            at = self._guess(places, low, high) if guesses <= GUESSES else (low + high) // 2
            size = self._sized(places[at])
            if size <= self._most:
                self.found, self.size, low = places[at], size, at + 1
            else:
                self._beyond, high = places[at], at
            self.rate = (places[at] - self._start) / max(size, 1)

    def _guess(self, places: Sequence[int], low: int, high: int) -> int:
        aim = self.found + (self._most - self.size) * self.rate
        return min(max(bisect_right(places, aim) - 1, low), high - 1)


def piece(text: str, shape: Outline, start: int, end: int) -> str:
    """The part between two places: its fences are whole, and it stands where a text begins, not inside a list."""
    opened, torn = shape.fence_across(start), shape.fence_across(end)
    if torn is None and shape.fences and not (last := shape.fences[-1]).closed and start < last.end <= end:
        torn = last
    body = text[start:end].rstrip()
    if opened is None:
        body = re.sub(r"^(?:[ \t]*\n)+", "", body)
        closer = f"\n{torn.lead}{torn.run}" if torn else ""
        return _outdented(body + closer, 0, len(body) - len(body.lstrip(" ")))
    quotes = opened.lead.count(">")
    body = _outdented(body, quotes, len(opened.lead.rpartition(">")[2]) - bool(quotes))
    closer = f"\n{opened.quotes if torn is opened else torn.lead}{torn.run}" if torn else ""
    return f"{opened.quotes}{opened.run}{opened.info}\n{body}{closer}"


def _outdented(body: str, quotes: int, width: int) -> str:
    """The lines without the indentation of the list they stood in, up to the first that has less."""
    if width <= 0:
        return body
    indented = re.compile(rf"((?: {{0,3}}> ?){{{quotes}}}) {{{width}}}")
    lines = body.split("\n")
    for at, line in enumerate(lines):
        if not line.strip("> "):
            continue
        if not indented.match(line):
            break
        lines[at] = indented.sub(r"\1", line, count=1)
    return "\n".join(lines)


def _clusters(window: str, start: int) -> Iterator[int]:
    """The places between what is seen as one character."""
    return accumulate((len(one) for one in iter_graphemes(window)), initial=start)

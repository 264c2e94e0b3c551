"""A text while it is written: its characters, and the marks laid on them."""

from dataclasses import dataclass

from adapters.telegram.characters import clean
from adapters.telegram.entities import STYLES, Span


@dataclass(slots=True)
class _Open:
    type: str
    start: int
    url: str | None = None


class Page:
    """Write in order; a mark opened is closed again, the latest of its type first."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._open: list[_Open] = []
        self.spans: list[Span] = []

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def mark(self) -> int:
        """A place to ask `since` about."""
        return len(self._pieces)

    def since(self, mark: int) -> str:
        return "".join(self._pieces[mark:])

    def write(self, text: str) -> None:
        if not text:
            return
        text = clean(text)
        self._pieces.append(text)
        self._length += len(text)

    def part(self, newlines: int) -> None:
        """At least so many line ends before what comes next; none at the top."""
        tail = "".join(self._pieces[-newlines:])
        missing = newlines - (len(tail) - len(tail.rstrip("\n")))
        if self._length and missing > 0:
            self.write("\n" * missing)

    def open(self, type_: str, url: str | None = None) -> None:
        self._open.append(_Open(type_, self._length, url))

    def close(self, type_: str) -> None:
        """End the latest mark of the type; one inside another of its kind adds nothing."""
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at].type == type_:
                one = self._open.pop(at)
                if not self.within(type_):
                    self._lay(one)
                return

    def within(self, type_: str) -> bool:
        return any(one.type == type_ for one in self._open)

    def code(self, type_: str, text: str, language: str | None = None) -> None:
        """Code stands alone: a style around it ends before and goes on behind. Inside a link it is plain text."""
        if self.within("text_link"):
            self.write(text)
            return
        styles = [one for one in self._open if one.type in STYLES]
        for one in styles:
            self._lay(one)
        start = self._length
        self.write(text)
        self.spans.append(Span(type_, start, self._length, language=language))
        for one in styles:
            one.start = self._length

    def _lay(self, one: _Open) -> None:
        self.spans.append(Span(one.type, one.start, self._length, one.url))

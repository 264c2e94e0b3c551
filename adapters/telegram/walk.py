"""From the events of a parsed text to the characters and marks of a page."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.columns import columns
from adapters.telegram.characters import linkable
from adapters.telegram.page import Page

STYLES = {"Strong": "bold", "Emphasis": "italic", "Strikethrough": "strikethrough"}
RULE = "——————"
INDENT = "  "
DEEPEST = 8  # levels that are indented; a text of nothing but list marks would grow by the square of its length
_LANGUAGE = re.compile(r"[\w+#.-]{1,32}")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Link:
    address: str
    mark: int
    linked: bool


class Walk:
    """Takes the events of one text in their order."""

    def __init__(self, source: bytes) -> None:
        self.page = Page()
        self._source = source
        self._numbers: list[int | None] = []  # of the lists around: the next number, None for bullets
        self._marker = ""  # of an item whose text has not begun
        self._apart = False  # a block has ended: what comes next begins a line
        self._quotes = 0
        self._links: list[_Link] = []
        self._code: list[str] | None = None
        self._language: str | None = None
        self._rows: list[list[str]] = []
        self._cell: list[str] | None = None
        self._pieces: dict[str, Callable[[Any], None]] = {
            "Text": self._text,
            "Code": self._inline_code,
            "Html": self._text,
            "InlineHtml": self._html,
            "InlineMath": lambda math: self._text(f"${math}$"),
            "DisplayMath": lambda math: self._text(f"$${math}$$"),
            "TaskListMarker": self._task,
        }
        self._begins: dict[str, Callable[[Any, int], None]] = {
            "Link": lambda link, _: self._link(link["dest_url"]),
            "Image": lambda link, _: self._link(link["dest_url"]),
            "Paragraph": lambda _, start: self._block(start),
            "HtmlBlock": lambda _, start: self._block(start),
            "Heading": self._heading,
            "CodeBlock": self._fence,
            "BlockQuote": lambda _, start: self._quote(start),
            "List": lambda number, _: self._numbers.append(number),
            "Item": lambda _, start: self._item(start),
            "Table": lambda _, start: self._table(start),
            "TableHead": lambda _, __: self._rows.append([]),
            "TableRow": lambda _, __: self._rows.append([]),
            "TableCell": lambda _, __: self._open_cell(),
        }
        self._ends: dict[str, Callable[[], None]] = {
            "Link": self._link_ends,
            "Image": self._link_ends,
            "Heading": lambda: self.page.close("bold"),
            "CodeBlock": self._fence_ends,
            "BlockQuote": self._quote_ends,
            "List": self._list_ends,
            "Item": self._marked,
            "Table": lambda: self.page.code("pre", columns(self._rows)),
            "TableCell": self._close_cell,
        }

    def take(self, event: Any, start: int) -> None:
        """One event; `start` is its place in the source, in bytes."""
        if isinstance(event, str):
            self._bare(event, start)
            return
        ((kind, value),) = event.items()
        if kind in self._pieces:
            self._pieces[kind](value)
        elif kind == "Start":
            self._begin(*_named(value), start)
        elif kind == "End":
            self._end(_named(value)[0])

    def _bare(self, event: str, start: int) -> None:
        if event == "Rule":
            self._block(start)
            self.page.write(RULE)
            self._apart = True
        else:
            self._text(" " if self._cell is not None else "\n" + _indent(len(self._numbers)))

    def _begin(self, name: str, detail: Any, start: int) -> None:
        if name in STYLES and self._cell is None:
            self._ready()
            self.page.open(STYLES[name])
        elif name in self._begins:
            self._begins[name](detail, start)

    def _end(self, name: str) -> None:
        if name in STYLES:
            if self._cell is None:
                self.page.close(STYLES[name])
            return
        if name in self._ends:
            self._ends[name]()
        self._apart = self._apart or name not in {"Link", "Image"}

    # blocks

    def _block(self, start: int, *, preformatted: bool = False) -> None:
        """Begin a line, with an empty one before it where the source has one. Text goes on behind the marker of its item."""
        marked = bool(self._marker)
        self._marked()
        self._apart = False
        if not marked:
            self.page.part(2 if self._after_blank(start) else 1)
        if preformatted:
            self.page.part(1)
        elif not marked and self._numbers:
            self.page.write(_indent(len(self._numbers)))

    def _after_blank(self, start: int) -> bool:
        line = max(self._source.rfind(b"\n", 0, start), 0)
        return not self._source[self._source.rfind(b"\n", 0, line) + 1 : line].strip(b" \t>")

    def _heading(self, _: Any, start: int) -> None:
        self._block(start)
        self.page.open("bold")

    def _fence(self, kind: Any, start: int) -> None:
        self._block(start, preformatted=True)
        self._code, self._language = [], _language(kind)

    def _fence_ends(self) -> None:
        self.page.code("pre", "".join(self._code or ()).rstrip("\n"), self._language)
        self._code = None

    def _quote(self, start: int) -> None:
        """Quotes inside quotes are one: Telegram does not nest them."""
        if not self._quotes:
            self._block(start, preformatted=True)
            self.page.open("blockquote")
        self._quotes += 1

    def _quote_ends(self) -> None:
        self._quotes -= 1
        if not self._quotes:
            self.page.close("blockquote")

    def _list_ends(self) -> None:
        self._numbers.pop()

    def _item(self, start: int) -> None:
        self._marked()
        self.page.part(2 if self._after_blank(start) else 1)
        number = self._numbers[-1]
        self._marker = _indent(len(self._numbers) - 1) + ("• " if number is None else f"{number}. ")
        self._numbers[-1] = None if number is None else number + 1
        self._apart = False

    def _task(self, done: bool) -> None:
        self._marker = _indent(len(self._numbers) - 1) + ("☑ " if done else "☐ ")

    def _marked(self) -> None:
        """Write the marker of the item, if its text has not begun."""
        if self._marker:
            self.page.write(self._marker)
        self._marker = ""

    def _table(self, start: int) -> None:
        self._block(start, preformatted=True)
        self._rows = []

    def _open_cell(self) -> None:
        self._cell = []

    def _close_cell(self) -> None:
        self._rows[-1].append("".join(self._cell or ()).strip())
        self._cell = None

    # what stands in a line

    def _text(self, text: str) -> None:
        into = self._cell if self._cell is not None else self._code
        if into is not None:
            into.append(text)
            return
        self._ready()
        self.page.write(text)

    def _ready(self) -> None:
        """Text may begin here: behind the marker of its item, or on a line of its own behind a block."""
        if self._marker:
            self._marked()
        elif self._apart:
            self.page.part(1)
            self.page.write(_indent(len(self._numbers)))
        self._apart = False

    def _inline_code(self, text: str) -> None:
        if self._cell is not None:
            self._cell.append(text)
            return
        self._ready()
        self.page.code("code", text)

    def _html(self, tag: str) -> None:
        if _BREAK.fullmatch(tag):
            self._bare("HardBreak", 0)
        else:
            self._text(tag)

    def _link(self, address: str) -> None:
        linked = self._cell is None and not self._links and linkable(address)
        if self._cell is None:
            self._ready()
        if linked:
            self.page.open("text_link", address)
        self._links.append(_Link(address, self._mark(), linked))

    def _mark(self) -> int:
        return self.page.mark() if self._cell is None else len(self._cell)

    def _link_ends(self) -> None:
        """Where the address cannot be behind the words it is said after them; one inside the text itself says nothing."""
        link = self._links.pop()
        words = self.page.since(link.mark) if self._cell is None else "".join(self._cell[link.mark :])
        address = link.address.removeprefix("mailto:")
        if not words.strip():
            self._text(address)
        elif not link.linked and not self._links and address not in words and not address.startswith("#"):
            self._text(f" ({address})")
        if link.linked:
            self.page.close("text_link")


def _indent(depth: int) -> str:
    return INDENT * min(depth, DEEPEST)


def _named(value: Any) -> tuple[str, Any]:
    """A tag's name and detail: it is a bare word or a dictionary of one entry."""
    if isinstance(value, str):
        return value, None
    ((name, detail),) = value.items()
    return name, detail


def _language(kind: Any) -> str | None:
    """The language of a fence: the first word of its info string, if it looks like one."""
    words = kind.get("Fenced", "").replace(",", " ").split() if isinstance(kind, dict) else []
    return words[0] if words and _LANGUAGE.fullmatch(words[0]) else None

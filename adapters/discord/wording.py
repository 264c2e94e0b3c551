"""A Markdown answer in the Markdown that Discord shows: what it does not know is said with what it does."""

import re
from functools import lru_cache
from typing import Any

from adapters.columns import columns
from adapters.discord.source import read
from adapters.markdown import Unreadable

RULE = "─" * 10
DEEPEST = 3  # Discord shows headings of three levels
ROUNDS = 5
KEPT = 256  # an answer is measured, and sent soon after
LONGEST_KEPT = 8_192
_LANGUAGE = re.compile(r"[\w+#.-]{1,32}")
_QUOTED = str.maketrans({char: f"%{ord(char):02X}" for char in " ()[]<>\\`*_|"})  # what could end the link or be a mark
_SPELLED_OUT = frozenset({"Inline", "Autolink", "Email"})
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def wording(markdown: str) -> str:
    """Tables as code, images as links, deep and underlined headings, rules and every block of code in Discord's own way.
    Saying it twice changes nothing. Mentions stay as they are: sending allows none.
    """
    return _kept(markdown) if len(markdown) <= LONGEST_KEPT else _settled(markdown)


@lru_cache(KEPT)
def _kept(markdown: str) -> str:
    return _settled(markdown)


def _settled(markdown: str) -> str:
    for _ in range(ROUNDS):
        if (said := _said(markdown)) == markdown:
            break
        markdown = said
    return markdown


def _said(markdown: str) -> str:
    try:
        source, events = read(markdown)
    except Unreadable:
        return markdown
    edits = _Edits(source)
    for event, place in events:
        edits.take(event, place["start"], place["end"])
    return edits.said()


def length(markdown: str) -> int:
    """Characters of the wording, of which Discord allows 2000: it counts code points (discord-api-docs, issue 1315)."""
    return len(wording(markdown))


class _Edits:
    """Replaced stretches of one source, none inside another."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._edits: list[tuple[int, int, str]] = []
        self._links: list[tuple[str, Any, int, int]] = []  # kind, target, start, end
        self._inner: list[tuple[int, int] | None] = []  # what stands inside each heading, link and image around
        self._heading = 0  # the level around, 0 for none
        self._code: list[str] | None = None
        self._indented = False  # whether the code is marked by nothing but its indentation
        self._rows: list[list[str]] | None = None

    def said(self) -> str:
        pieces, at = [], 0
        for start, end, text in sorted(self._edits):
            pieces += [self._source[at:start], text.encode()]
            at = end
        return b"".join([*pieces, self._source[at:]]).decode()

    def take(self, event: Any, start: int, end: int) -> None:
        """One event with its range in bytes."""
        if isinstance(event, str):
            self._bare(event, start, end)
            return
        ((kind, value),) = event.items()
        name, detail = _named(value) if kind in {"Start", "End"} else (kind, value)
        if self._rows is not None or self._code is not None:
            self._preformatted(kind, name, detail, start, end)
        elif kind == "Start":
            self._begin(name, detail, start, end)
        elif kind == "End":
            self._end(name, start, end)
        else:
            self._grow(start, end)

    def _bare(self, event: str, start: int, end: int) -> None:
        if event == "Rule":
            line = self._source[start:end].rstrip()
            self._edits.append((start, start + len(line), RULE))
        elif self._rows is None:
            self._grow(start, end)

    def _grow(self, start: int, end: int) -> None:
        """Something stands inside what is around."""
        self._inner = [(start if inner is None else inner[0], end) for inner in self._inner]

    def _begin(self, name: str, detail: Any, start: int, end: int) -> None:
        if name == "Table":
            self._rows = []
        elif name == "CodeBlock":
            self._code = [_language(detail)]
            self._indented = not isinstance(detail, dict)
        elif name == "Heading":
            self._heading = int(detail["level"][1])
            self._inner.append(None)
        elif name in {"Link", "Image"}:
            self._grow(start, end)
            self._links.append((name, detail, start, end))
            self._inner.append(None)
        elif name in {"Strong", "Emphasis", "Strikethrough"}:
            self._grow(start, end)
            if name == "Strong" and self._heading > DEEPEST:
                self._edits += [(start, start + 2, ""), (end - 2, end, "")]

    def _end(self, name: str, start: int, end: int) -> None:
        if name == "Heading":
            self._heading_ends(start, end)
        elif name in {"Link", "Image"}:
            self._link_ends()
        elif name in {"Strong", "Emphasis", "Strikethrough"}:
            self._grow(start, end)

    def _heading_ends(self, start: int, end: int) -> None:
        level, self._heading = self._heading, 0
        inner = self._inner.pop()
        underlined = not self._source[start:end].startswith(b"#")
        if inner is None or (level <= DEEPEST and not underlined):
            return
        end = start + len(self._source[start:end].rstrip())
        around = ("**", "**") if level > DEEPEST else ("#" * level + " ", "")
        self._edits += [(start, inner[0], around[0]), (inner[1], end, around[1])]

    def _link_ends(self) -> None:
        kind, target, start, end = self._links.pop()
        inner = self._inner.pop()
        self._grow(start, end)
        if kind == "Link" and target["link_type"] in _SPELLED_OUT:
            return
        address = target["dest_url"].translate(_QUOTED)
        web = address.startswith(("http://", "https://"))
        if inner is None:
            self._edits.append((start, end, "image" if self._links else address))
        elif self._links:
            self._edits += [(start, inner[0], ""), (inner[1], end, "")]
        elif web:
            self._edits += [(start, inner[0], "["), (inner[1], end, f"]({address})")]
        elif kind == "Image":
            self._edits += [(start, inner[0], ""), (inner[1], end, f" ({address})")]

    # tables and code

    def _preformatted(self, kind: str, name: str, detail: Any, start: int, end: int) -> None:
        if self._code is not None:
            if kind == "Text":
                self._code.append(detail)
            elif kind == "End" and name == "CodeBlock":
                language, *code = self._code
                self._fence(language, "".join(code), start, end)
                self._code, self._indented = None, False
        elif self._rows is not None:
            self._table(kind, name, detail, start, end)

    def _table(self, kind: str, name: str, detail: Any, start: int, end: int) -> None:
        rows = self._rows
        assert rows is not None, "only called inside a table"
        if kind == "Start" and name in {"TableHead", "TableRow"}:
            rows.append([])
        elif kind == "Start" and name == "TableCell":
            rows[-1].append("")
        elif kind == "Start" and name in {"Link", "Image"}:
            self._links.append((name, detail, start, end))
        elif kind == "End" and name in {"Link", "Image"}:
            address = self._links.pop()[1]["dest_url"]
            rows[-1][-1] += "" if address in rows[-1][-1] else f" ({address})"
        elif kind == "End" and name == "Table":
            self._fence("", columns([[cell.strip() for cell in row] for row in rows]), start, end)
            self._rows = None
        elif kind not in {"Start", "End"}:
            rows[-1][-1] += " " if _BREAK.fullmatch(detail) else detail

    def _fence(self, language: str, code: str, start: int, end: int) -> None:
        """Three backticks are all Discord takes for a fence, and the next three end it."""
        if self._indented:
            start -= 4 if self._source[:start].endswith(b"    ") else self._source[:start].endswith(b"\t")
        before = self._source[self._source.rfind(b"\n", 0, start) + 1 : start].decode()
        lead = re.sub(r"[^>\s]", " ", before)
        lines = code.rstrip("\n").replace("```", "`\u200b`\u200b`").split("\n")
        text = f"\n{lead}".join([f"```{language}", *lines, "```"])
        self._edits.append((start, start + len(self._source[start:end].rstrip(b"\n")), text))


def _named(value: Any) -> tuple[str, Any]:
    """A tag's name and detail: it is a bare word or a dictionary of one entry."""
    if isinstance(value, str):
        return value, None
    ((name, detail),) = value.items()
    return name, detail


def _language(kind: Any) -> str:
    """The language of a fence: the first word of its info string, if it looks like one."""
    words = kind.get("Fenced", "").replace(",", " ").split() if isinstance(kind, dict) else []
    return words[0] if words and _LANGUAGE.fullmatch(words[0]) else ""

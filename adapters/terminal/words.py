"""Text for a terminal: made harmless, wrapped to its width, with the speaker told in words."""

import re
import unicodedata

from bot.views import TurnView

SPEAKERS = {"customer": "you", "bot": "bot", "agent": "agent", "system": "note"}
# the two directions of text may not be overridden, or an answer could rewrite what stands beside it
CONTROLS = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
NARROWEST = 20


def harmless(text: str) -> str:
    """The text without control characters and escape sequences; newlines and tabs (as spaces) stay."""
    text = CONTROLS.sub("", text.replace("\r\n", "\n").replace("\t", "    "))
    return "".join(one for one in text if one == "\n" or unicodedata.category(one) not in {"Cc", "Cs"})


def width(text: str) -> int:
    """Columns a text takes: wide characters two, combining ones none."""
    return sum(0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns`, broken at spaces where there are any."""
    columns = max(columns, NARROWEST)
    return [line for paragraph in text.split("\n") for line in _wrap_paragraph(paragraph, columns)]


def _wrap_paragraph(paragraph: str, columns: int) -> list[str]:
    lines, line = [], ""
    for word in re.findall(r"\s*\S+", paragraph):
        if width(line + word) <= columns:
            line += word
            continue
        if line:
            lines.append(line)
        line = word.lstrip()
        while width(line) > columns:
            head = _head(line, columns)
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line]


def _head(text: str, columns: int) -> str:
    taken = 0
    for index, one in enumerate(text):
        taken += width(one)
        if taken > columns and index:
            return text[:index]
    return text


def say(speaker: str, text: str, columns: int) -> str:
    """A turn as it is printed: who speaks, then the text, hanging under itself."""
    label = f"{speaker}: "
    lines = wrap(harmless(text), columns - len(label))
    return label + ("\n" + " " * len(label)).join(lines)


def turn(view: TurnView, columns: int) -> str:
    """One turn, with what is special about it."""
    speaker = view.author if view.role == "agent" and view.author else SPEAKERS.get(view.role, view.role)
    text = f"{view.text} [stopped]" if view.state == "stopped" else view.text
    return say(harmless(speaker), text, columns)

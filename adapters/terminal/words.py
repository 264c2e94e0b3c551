"""Text for a terminal: made harmless, wrapped to its width, with the speaker told in words."""

import re
import unicodedata

from prompt_toolkit.utils import get_cwidth

# colours and cursor moves, titles and clipboards: taken out whole, so that no letters of theirs remain
SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)"
)
# the direction of text may not be overridden, or an answer could rewrite what stands beside it
DIRECTIONS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
BREAKS = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
NARROWEST = 10


def harmless(text: str) -> str:
    """The text without control characters and escape sequences; line breaks become newlines, tabs spaces."""
    text = DIRECTIONS.sub("", SEQUENCES.sub("", text))
    return without_controls(BREAKS.sub("\n", text)).replace("\t", "    ")


def without_controls(text: str) -> str:
    """The text without control characters but newline and tab, and without the halves of a character that stray bytes leave."""
    return "".join(one for one in text if one in "\n\t" or unicodedata.category(one) not in {"Cc", "Cs"})


def width(text: str) -> int:
    """Columns a text takes: wide characters two, combining ones none."""
    return sum(map(get_cwidth, text))


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns`, broken at spaces where there are any."""
    columns = max(columns, NARROWEST)
    return [line for paragraph in text.split("\n") for line in _wrap_paragraph(paragraph, columns)]


def _wrap_paragraph(paragraph: str, columns: int) -> list[str]:
    lines, line, used = [], "", 0
    for word in re.findall(r"\s*\S+", paragraph):
        wide = width(word)
        if used + wide <= columns:
            line, used = line + word, used + wide
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word.lstrip(), columns)
        lines += full
        used = width(line)
    return [*lines, line]


def _pieces(word: str, columns: int) -> list[str]:
    """A word cut to the width; marks stay with the letter they stand on."""
    pieces, start, used = [], 0, 0
    for index, one in enumerate(word):
        wide = get_cwidth(one)
        if used + wide > columns:
            pieces.append(word[start:index])
            start, used = index, 0
        used += wide
    return [*pieces, word[start:]]


def say(speaker: str, text: str, columns: int) -> str:
    """Who speaks, then what is said, hanging under itself; a speaker too long for that stands on a line of their own."""
    label = f"{' '.join(harmless(speaker).split())}:"
    indent = width(label) + 1
    if indent * 3 > columns:
        lines = [*wrap(label, columns), *("  " + line for line in wrap(harmless(text), columns - 2))]
        return "\n".join(lines)
    lines = wrap(harmless(text), columns - indent)
    return f"{label} " + ("\n" + " " * indent).join(lines)

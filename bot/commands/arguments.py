"""What stands behind a command's name: words, quoted ones, durations, the rest of the text. Pure; every channel says it alike.

A text is read from left to right. Arguments that may be left out are skipped where what stands there is nothing for them:
`/close 2h silent bought elsewhere` and `/close bought elsewhere` are both understood.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["word", "text", "choice", "number", "duration", "switch"]
Value = str | int | bool
Values = Mapping[str, Value]
LONGEST = 4000
QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "«": "»"}
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST_S = 366 * UNITS_S["d"]
MOST_DIGITS = 9
_DURATION = re.compile(rf"(?:\d{{1,{MOST_DIGITS}}}[smhdw])+")
_PIECE = re.compile(r"(\d+)([smhdw])")


@dataclass(frozen=True, slots=True)
class Argument:
    """One of a command. `text` takes all that is left and comes last; a `switch` is there or not, by its own name; `number` and
    `duration` (value in seconds) are at least 1. `at_most` bounds them, and the characters of words and texts.
    """

    name: str
    kind: Kind = "word"
    needed: bool = False
    choices: tuple[str, ...] = ()
    at_most: int = LONGEST

    def shown(self) -> str:
        """As the usage line writes it."""
        inside = "|".join(self.choices) or (self.name if self.kind != "duration" else f"{self.name}: 15m, 2h, 3d")
        if self.kind == "switch":
            inside = self.name
        return f"<{inside}>" if self.needed else f"[{inside}]"


@dataclass(frozen=True, slots=True)
class Wrong:
    """The arguments cannot be meant: `reason` is a stable word (missing, wrong, many, long), `argument` whose it is."""

    reason: str
    argument: str = ""


@dataclass(slots=True)
class _Text:
    """What is still to be read."""

    left: str
    taken: list[str] = field(default_factory=list)

    def peek(self) -> tuple[str, str] | None:
        """The next word, and what follows it; a quote that is never closed is a character like others."""
        text = self.left.lstrip()
        if not text:
            return None
        closing = QUOTES.get(text[0])
        end = text.find(closing, 1) if closing is not None else -1
        if closing is not None and end > 0 and (end + 1 == len(text) or text[end + 1].isspace()):
            return text[1:end], text[end + 1 :]
        word = text.split(maxsplit=1)[0]
        return word, text[len(word) :]


def parse(arguments: Sequence[Argument], text: str) -> Values | Wrong:
    """The values of a text behind a command's name."""
    if len(text) > LONGEST:
        return Wrong("long")
    rest, values = _Text(text), dict[str, Value]()
    for argument in arguments:
        if argument.kind == "text":
            said = rest.left.strip()
            rest.left = ""
            found: Value | None = read(argument, said) if said else None
            if said and found is None:
                return Wrong("long", argument.name)
        else:
            found = _take(argument, rest)
        if found is not None:
            values[argument.name] = found
        elif argument.needed:
            return Wrong("wrong" if rest.left.strip() else "missing", argument.name)
    return Wrong("many") if rest.left.strip() else values


def parse_named(arguments: Sequence[Argument], given: Mapping[str, str]) -> Values | Wrong:
    """The values of what a platform's own form has asked for, by name."""
    values = dict[str, Value]()
    for argument in arguments:
        said = given.get(argument.name, "").strip()
        if not said:
            if argument.needed:
                return Wrong("missing", argument.name)
            continue
        value = said.lower() in {"true", argument.name} if argument.kind == "switch" else read(argument, said)
        if value is None:
            return Wrong("wrong", argument.name)
        values[argument.name] = value
    return values


def _take(argument: Argument, rest: _Text) -> Value | None:
    """The next word if it is one for this argument; else it is left for others."""
    ahead = rest.peek()
    if ahead is None:
        return None
    value = read(argument, ahead[0])
    if value is not None:
        rest.left = ahead[1]
    return value


def read(argument: Argument, said: str) -> Value | None:
    """One value, None where this cannot be it."""
    return _READERS[argument.kind](argument, said)


def duration_s(said: str) -> int | None:
    """`90s`, `15m`, `2h`, `1d12h`, `2w` in seconds; None for anything else, and for nothing or more than a year."""
    if not _DURATION.fullmatch(said.lower()):
        return None
    seconds = sum(int(number) * UNITS_S[unit] for number, unit in _PIECE.findall(said.lower()))
    return seconds if 0 < seconds <= LONGEST_S else None


def _words(argument: Argument, said: str) -> str | None:
    return said if 0 < len(said) <= argument.at_most else None


def _choice(argument: Argument, said: str) -> str | None:
    return said.lower() if said.lower() in argument.choices else None


def _number(argument: Argument, said: str) -> int | None:
    plain = said.isascii() and said.isdigit() and len(said) <= MOST_DIGITS
    return int(said) if plain and 0 < int(said) <= argument.at_most else None


def _duration(_argument: Argument, said: str) -> int | None:
    return duration_s(said)


def _switch(argument: Argument, said: str) -> bool | None:
    return True if said.lower() == argument.name else None


_READERS: Mapping[Kind, Callable[[Argument, str], Value | None]] = {
    "word": _words,
    "text": _words,
    "choice": _choice,
    "number": _number,
    "duration": _duration,
    "switch": _switch,
}

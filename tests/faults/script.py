"""What the engine says, so that every answer can be checked: it names the messages it answers and carries a number of its own."""

import itertools
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from bot.conversation.summary import AS_JSON, INSTRUCTION, Summary, rendered
from tests.scripted_node import Messages

TOKEN = re.compile(r"\b[wgpd]\d+\.\d+\b")
NUMBER = re.compile(r"\A(?:Answer|(?:Wants: )?Summary) (\d+)(?: |\Z)")
WORDS = ("parcel", "invoice", "tomorrow", "kettle", "window", "garden", "coupon", "branch", "paper", "button", "river", "lamp")


@dataclass(frozen=True, slots=True)
class Given:
    """One answer of the engine: its whole text, and the customers' messages that stood at the end of its prompt."""

    text: str
    answers: tuple[str, ...]


class Script:
    """Answers prompts and keeps what it said. A generation begun anew gets a new number, so no two answers are the same.

    `long_share` of the answers have about `long` characters, in few and long words, so that they do not take longer to stream.
    """

    def __init__(self, seed: int, *, long_share: float = 0.0, long: int = 0) -> None:
        self._long_share, self._long = long_share, long
        self._numbers = itertools.count(1)
        self._dice = random.Random(seed)
        self.given: dict[int, Given] = {}

    def __call__(self, messages: Messages) -> str:
        number, last = next(self._numbers), messages[-1]["content"]
        tokens = tuple(dict.fromkeys(TOKEN.findall(last)))
        words = " ".join(self._dice.choices(WORDS, k=self._dice.randint(4, 14)))
        if self._long and self._dice.random() < self._long_share:
            words = " ".join("-".join(self._dice.choices(WORDS, k=20)) for _ in range(self._long // 140))
        if last == INSTRUCTION + AS_JSON:
            summary = Summary(
                "", f"Summary {number} of it all", [word[:40] for word in words.split()[:3]], [], [f"End of {number}"]
            )
            self.given[number] = Given(rendered(summary), ())
            return msgspec.json.encode(summary).decode()
        if last == INSTRUCTION:  # a second try
            text, tokens = f"Summary {number} of it all: {words}. End of {number}.", ()
        else:
            text = f"Answer {number} to {', '.join(tokens) or 'nothing'}: {words}. End of {number}."
        self.given[number] = Given(text, tokens)
        return text


def number_of(text: str) -> int | None:
    """The number an answer, or the beginning of one, carries."""
    found = NUMBER.match(text)
    return int(found[1]) if found else None


def given_as(text: str, given: Mapping[int, Given]) -> Given | None:
    """What the engine said, if `text` is the whole of it."""
    number = number_of(text)
    said = given.get(number) if number is not None else None
    return said if said is not None and said.text == text else None

"""What the driver's side of a run needs of a platform: where customers write, what stands in each chat, what is still open."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.faults.receiving.points import Mode
from tests.faults.script import WORDS


@dataclass(frozen=True, slots=True)
class Written:
    """A customer's message: its token, the chat as `tests.faults.record` names it, and when the platform had it (monotonic)."""

    token: str
    chat: str
    at: float


@dataclass(frozen=True, slots=True)
class Sight:
    """Users saw a message of the bot say this at a time (monotonic)."""

    at: float
    chat: str
    text: str


@dataclass
class View:
    """What users saw, in order, and the texts of the bot's messages that stand in each chat at the end."""

    sights: Sequence[Sight]
    standing: Mapping[str, Sequence[str]]


@dataclass
class Ledger:
    """What happened on a platform. `swapped`: tokens whose order the platform itself changed; `losable`: what no gap gives back;
    `controls`: commands and presses, of which people were told that so many were taken; `poison`: updates that nobody can read;
    `at_least_once`: chats whose plain sends may repeat.
    """

    written: list[Written] = field(default_factory=list)
    swapped: set[str] = field(default_factory=set)
    losable: dict[str, str] = field(default_factory=dict)
    controls: int = 0
    losable_controls: bool = False
    controls_taken: int = 0
    poison: int = 0
    losable_poison: bool = False
    at_least_once: set[str] = field(default_factory=set)
    troubles: Counter[str] = field(default_factory=Counter)

    def wrote(self, token: str, chat: str) -> None:
        self.written.append(Written(token, chat, time.monotonic()))


class Street(Protocol):
    """One platform with its people. It outlives every life."""

    ledger: Ledger
    secrets: Sequence[str]

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def settings(self, mode: Mode, port: int) -> dict[str, str]:
        """What a life is told of the account, as keys of `settings_of`."""
        ...

    async def first_words(self) -> int:
        """Everybody writes once, so that every chat is known; how many messages that were."""
        ...

    async def walk(self, closing: asyncio.Event) -> None:
        """People write until `closing`."""
        ...

    async def storm(self) -> None:
        """Trouble of the platform and the way to it, until cancelled."""
        ...

    def calm(self) -> None:
        """No more trouble."""
        ...

    def hurry(self) -> None:
        """What the platform would try again after a long while, it tries now."""
        ...

    def open_ends(self) -> int:
        """Updates that the platform still holds for the bot."""
        ...

    def view(self) -> View: ...


def question(token: str, dice: random.Random) -> str:
    """What a customer says under a token."""
    return f"{token} please {' '.join(dice.choices(WORDS, k=dice.randint(2, 5)))}"


async def pause(closing: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `closing`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await closing.wait()

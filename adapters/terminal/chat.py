"""What the terminal talks to: one small protocol, over a running instance's web API or embedded over the ports."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from bot.views import ChatEvent, TurnView


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The instance cannot be reached; it is tried again until it answers."""


@dataclass(frozen=True, slots=True)
class LinkBack:
    """The instance answers again."""


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The instance does not know this session any more: a fresh one was opened, with a conversation of its own."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A message was not taken and will not be: too long, for example. `reason` is for people."""

    reason: str


Happening = ChatEvent | LinkLost | LinkBack | SessionLost


class Chat(Protocol):
    """One person's dialogue."""

    async def history(self) -> tuple[TurnView, ...]:
        """The current conversation so far; `events` goes on from there. Raises FrontdeskError where there is no dialogue."""
        ...

    def events(self) -> AsyncIterator[Happening]:
        """What happens from the end of `history` on; never ends."""
        ...

    async def say(self, text: str) -> int | Refused | None:
        """Send a message, again and again until it is taken: its seq, or None where it was a command."""
        ...

    async def stop(self) -> None:
        """Stop the answer being made; tried until it is heard."""
        ...

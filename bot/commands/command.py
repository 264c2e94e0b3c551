"""What a command is: its names, its arguments, who may give it, where it is shown, and what it does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from bot.commands.arguments import Argument, Values
from bot.conversation.commands import Outcome
from bot.conversation.hearing import begin_anew
from bot.conversation.sender import Sender
from bot.language.words import Words
from bot.roles import Role
from bot.store.ids import ConversationId

Scope = Literal["customer", "desk", "admin"]


@dataclass(frozen=True, slots=True)
class Call:
    """A command that was given, by somebody who may, with arguments that can be meant. `language` is the asker's, and `shown` are
    the commands that they may know of.
    """

    sender: Sender
    values: Values
    language: str
    words: Words
    shown: Sequence["Command"]

    def say(self, name: str, /, **values: str | int) -> str:
        """Our words in the asker's language."""
        return self.words.say(name, self.language, **values)

    @property
    def channel(self) -> str:
        return self.sender.ref.channel

    def here(self, connection: sa.Connection) -> ConversationId:
        """The asker's conversation, a fresh one where there is none."""
        return self.sender.conversation_id or begin_anew(connection, self.sender)

    def answered(self, connection: sa.Connection, text: str) -> Outcome:
        """Nothing but words to the asker."""
        return Outcome(self.here(connection), text)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """So often at once, and then once in so many seconds."""

    burst: int
    each_s: float


USUAL = Cooldown(10, 3.0)  # as often as a person could mean it


@dataclass(frozen=True, slots=True)
class Command:
    """`place`: where Discord shows it, as group and child, or alone.

    Its words are those called `command-NAME`, and `argument-NAME` for each argument.
    """

    name: str
    act: Callable[[sa.Connection, Call], Outcome]
    place: tuple[str, ...]
    scope: Scope = "customer"
    role: Role = Role.CUSTOMER
    aliases: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    cooldown: Cooldown = USUAL

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def written(self, channel: str) -> str:
        """How it is given on a channel."""
        return f"/{' '.join(self.place)}" if channel == "discord" else f"/{self.name}"

    def usage(self, channel: str) -> str:
        """With its arguments, those that may be left out in brackets."""
        return " ".join([self.written(channel), *(one.shown() for one in self.arguments)])

"""What the conversation asks of whoever knows the commands: is this one, and do it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa

from bot.conversation.sender import Sender
from bot.events import Ignored, Placeholder
from bot.store.ids import ConversationId


@dataclass(frozen=True, slots=True)
class CommandControl:
    """A command by name. `said` stands behind it in a text; `given` are the arguments that a platform's own form asked for.
    `paced`: it counts among those that the person gives; not, where the platform's own button or arrival gave it.
    """

    name: str
    said: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    placeholder: Placeholder | None = None
    paced: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: the words of its answer. `seen`: what happened shows by itself where no answer is waited for."""

    conversation_id: ConversationId
    text: str
    seen: bool = False


class Commands(Protocol):
    """All commands of this process."""

    def meant(self, text: str) -> CommandControl | None:
        """The command that a customer's text is; None for words to the bot, which only begin with a slash."""
        ...

    def act(self, connection: sa.Connection, sender: Sender, control: CommandControl) -> Outcome | Ignored:
        """Do it inside the unit that stores it, or say why not; Ignored where even that would be too much."""
        ...

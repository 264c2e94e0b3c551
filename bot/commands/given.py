"""A command that was given: is it one, may they, can it be meant, and then do it."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa

from bot.commands.arguments import Wrong, parse, parse_named
from bot.commands.command import USUAL, Call, Command
from bot.commands.customers import HELP
from bot.commands.pace import NOW, Pace, Verdict
from bot.commands.registry import Registry
from bot.conversation.commands import CommandControl, Outcome
from bot.conversation.sender import Sender
from bot.events import Ignored
from bot.language.words import Words
from bot.roles import Role
from bot.store import people

TOO_OFTEN = Ignored("too_often")
MORE = Wrong("many"), Wrong("long")
# what follows is words: a path, a price or a slash in a sentence is no command
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:\s+(.*))?", re.DOTALL)


class GivenCommands:
    """Those of `registry`, in the languages of `words`. See `bot.conversation.commands.Commands`."""

    def __init__(self, registry: Registry, words: Words, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._words = words
        self._pace = Pace(clock)

    def meant(self, text: str) -> CommandControl | None:
        """What stands behind a command that takes less, or behind a name that is none, is said to the bot: never swallowed."""
        found = _COMMAND.fullmatch(text.strip())
        if found is None:
            return None
        name, said = found[1].lower(), found[2] or ""
        command = self._registry.find("customer", name)
        if said and (command is None or parse(command.arguments, said) in MORE):
            return None
        return CommandControl(name, said)

    def act(self, connection: sa.Connection, sender: Sender, control: CommandControl) -> Outcome | Ignored:
        """See `bot.conversation.commands.Commands`."""
        asker = self._asker(connection, sender)
        command = self._registry.find("customer", control.name)
        verdict = self._verdict(sender, command) if control.paced else NOW
        if verdict.wait_s > 0:
            if verdict.told and control.placeholder is None:
                return TOO_OFTEN
            return asker.answered(connection, asker.say("slowly", seconds=math.ceil(verdict.wait_s)))
        if command is None:
            return asker.answered(connection, self._unknown(asker, control))
        values = parse_named(command.arguments, control.given) if control.given else parse(command.arguments, control.said)
        if isinstance(values, Wrong):
            return asker.answered(connection, self._wrong(asker, command, values))
        return command.act(connection, replace(asker, values=values))

    def _asker(self, connection: sa.Connection, sender: Sender) -> Call:
        assert sender.customer_id is not None, "whoever gives a command is somebody"
        chosen, told = people.languages(connection, sender.ref.workspace_id, sender.customer_id)
        shown = self._registry.of("customer", Role.CUSTOMER)
        return Call(sender, {}, chosen or sender.event.author.language or told, self._words, shown)

    def _verdict(self, sender: Sender, command: Command | None) -> Verdict:
        who = f"{sender.ref.workspace_id}:{sender.identity_id}"
        name, cooldown = (command.name, command.cooldown) if command is not None else ("", USUAL)
        return self._pace.ask(who, name, cooldown, sender.received.key)

    def _unknown(self, asker: Call, control: CommandControl) -> str:
        near = self._registry.near("customer", control.name, Role.CUSTOMER)
        if near is not None:
            return asker.say("unknown-near", command=f"/{control.name}", near=near.written(asker.channel))
        return asker.say("unknown", command=f"/{control.name}", help=HELP.written(asker.channel))

    def _wrong(self, asker: Call, command: Command, wrong: Wrong) -> str:
        if wrong.reason == "long":
            return asker.say("too-long")
        return asker.say("usage", usage=command.usage(asker.channel))

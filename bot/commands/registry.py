"""All commands, by scope and name: what menus are made of, and where a name that was written is looked up."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from bot.commands.command import Command, Scope
from bot.language.words import Words
from bot.roles import Role
from bot.views import ArgumentView, CommandView

ALIKE = 0.7
MOST_CHILDREN = 25  # of a group on Discord


class Registry:
    """Raises ValueError where two commands of a scope, or two children of a group, share a name, or customers are shown one that
    is not theirs.
    """

    def __init__(self, commands: Iterable[Command]) -> None:
        self._commands = tuple(commands)
        self._named: dict[tuple[Scope, str], Command] = {}
        for command in self._commands:
            for name in command.names:
                if (command.scope, name) in self._named:
                    raise ValueError(f"two commands are called {name} in scope {command.scope}")
                self._named[command.scope, name] = command
        if revealed := [one.name for one in self._commands if one.scope == "customer" and one.role > Role.CUSTOMER]:
            raise ValueError(f"customers would see what is not theirs: {', '.join(revealed)}")
        places = [command.place for command in self._commands]
        if len(set(places)) < len(places):
            raise ValueError("two commands share a place")
        groups = [place[0] for place in places if len(place) > 1]
        if crowded := {one for one in groups if groups.count(one) > MOST_CHILDREN}:
            raise ValueError(f"more than {MOST_CHILDREN} children: {', '.join(sorted(crowded))}")

    def find(self, scope: Scope, name: str) -> Command | None:
        """By its name or an alias, whatever the case."""
        return self._named.get((scope, name.lower()))

    def near(self, scope: Scope, name: str, role: Role) -> Command | None:
        """What was probably meant, among what this role may know of."""
        there = [one for (of, one), command in self._named.items() if of == scope and command.role <= role]
        close = get_close_matches(name.lower(), there, n=1, cutoff=ALIKE)
        return self._named[scope, close[0]] if close else None

    def of(self, scope: Scope, role: Role) -> Sequence[Command]:
        """In the order in which they are shown."""
        return [one for one in self._commands if one.scope == scope and one.role <= role]

    def views(self, words: Words) -> Sequence[CommandView]:
        """What adapters make their menus of."""
        return [_view(one, words) for one in self._commands]


def _view(command: Command, words: Words) -> CommandView:
    return CommandView(
        command.name,
        command.aliases,
        command.scope,
        command.place,
        words.everywhere(f"command-{command.name}"),
        words.everywhere(f"group-{command.place[0]}") if len(command.place) > 1 else {},
        tuple(
            ArgumentView(one.name, one.kind, one.needed, one.choices, words.everywhere(f"argument-{one.name}"))
            for one in command.arguments
        ),
    )

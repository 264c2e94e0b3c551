"""The commands that this release has, and what adapters show of them."""

from collections.abc import Sequence

from bot.commands.customers import COMMANDS
from bot.commands.given import GivenCommands
from bot.commands.registry import Registry
from bot.language.words import known
from bot.views import CommandView


def registry() -> Registry:
    """All of them."""
    return Registry(COMMANDS)


def views() -> Sequence[CommandView]:
    """As menus show them, in every language we speak."""
    return registry().views(known())


def all_commands() -> GivenCommands:
    """What intake asks for them."""
    return GivenCommands(registry(), known())

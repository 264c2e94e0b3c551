"""The commands that clients offer while one types a slash, in each language: only customers' where customers are. Set only when
Telegram has others; nothing depends on it.
"""

from collections.abc import Iterator, Sequence

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.methods import GetMyCommands, SetMyCommands
from aiogram.types import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats

from bot.views import CommandView

SCOPES = (BotCommandScopeAllPrivateChats(), BotCommandScopeAllGroupChats())
OTHERWISE = "en"  # for whoever speaks a language that we do not
log = structlog.get_logger()


def names(commands: Sequence[CommandView]) -> frozenset[str]:
    """What customers may write without the bot's name behind it."""
    return frozenset(name for one in commands if one.scope == "customer" for name in (one.name, *one.aliases))


async def offer_commands(bot: Bot, account: str, commands: Sequence[CommandView]) -> None:
    """Best effort: a failure is logged, and the next start tries again."""
    shown = [one for one in commands if one.scope == "customer"]
    try:
        for scope in SCOPES:
            for language, wanted in _menus(shown):
                offered = await bot(GetMyCommands(scope=scope, language_code=language))
                if [(one.command, one.description) for one in offered] != [(one.command, one.description) for one in wanted]:
                    await bot(SetMyCommands(commands=wanted, scope=scope, language_code=language))
    except TelegramAPIError as error:
        log.info("telegram.menu_not_set", account=account, error=type(error).__name__)


def _menus(commands: Sequence[CommandView]) -> Iterator[tuple[str | None, list[BotCommand]]]:
    """For each language, and (None) for all others."""
    languages = {language for one in commands for language in one.described}
    for language in (None, *sorted(languages - {OTHERWISE})):
        spoken = language or OTHERWISE
        yield language, [BotCommand(command=one.name, description=one.described[spoken]) for one in commands]

"""The commands that clients offer while one types a slash. Set only when Telegram has others; nothing depends on it."""

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.methods import GetMyCommands, SetMyCommands
from aiogram.types import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats

COMMANDS = {
    "start": "Begin",
    "help": "What I can do",
    "new": "Begin a new conversation",
    "stop": "Stop the answer that is being written",
    "human": "Talk to a person",
    "id": "Show the ids of this chat",
}
SCOPES = (BotCommandScopeAllPrivateChats(), BotCommandScopeAllGroupChats())
log = structlog.get_logger()


async def offer_commands(bot: Bot, account: str) -> None:
    """Best effort: a failure is logged, and the next start tries again."""
    try:
        for scope in SCOPES:
            offered = await bot(GetMyCommands(scope=scope))
            if [(one.command, one.description) for one in offered] != list(COMMANDS.items()):
                commands = [BotCommand(command=name, description=words) for name, words in COMMANDS.items()]
                await bot(SetMyCommands(commands=commands, scope=scope))
    except TelegramAPIError as error:
        log.info("telegram.menu_not_set", account=account, error=type(error).__name__)

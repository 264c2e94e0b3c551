"""The commands that clients offer while one types a slash. Set only when Telegram has others; nothing depends on it."""

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.methods import GetMyCommands, SetMyCommands
from aiogram.types import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats

COMMANDS = [
    BotCommand(command="start", description="Begin"),
    BotCommand(command="help", description="What I can do"),
    BotCommand(command="new", description="Begin a new conversation"),
    BotCommand(command="stop", description="Stop the answer that is being written"),
    BotCommand(command="human", description="Talk to a person"),
    BotCommand(command="id", description="Show the ids of this chat"),
]
SCOPES = (BotCommandScopeAllPrivateChats(), BotCommandScopeAllGroupChats())
log = structlog.get_logger()


async def offer_commands(bot: Bot, account: str) -> None:
    """Best effort: a failure is logged, and the next start tries again."""
    try:
        for scope in SCOPES:
            if await bot(GetMyCommands(scope=scope)) != COMMANDS:
                await bot(SetMyCommands(commands=COMMANDS, scope=scope))
    except TelegramAPIError as error:
        log.info("telegram.menu_not_set", account=account, error=type(error).__name__)

"""Which bots hear a message: privacy mode, https://core.telegram.org/bots/features#privacy-mode."""

from typing import Any

from tests.telegram_server.account import BotAccount
from tests.telegram_server.chat import PRESENT, Message


def hears(bot: BotAccount, message: Message) -> bool:
    """In private everything. In groups with privacy mode on, and not as an administrator: service messages, mentions, replies to
    the bot, commands with its name, and other commands unless another bot spoke last. A bot never hears bots, but for the service
    messages they cause (Client::need_skip_update_message).
    """
    chat = message.chat
    if chat.private:
        return not message.sender["is_bot"]
    standing = chat.bots.get(bot.id, "left")
    if standing not in PRESENT:
        return False
    if message.service:
        return True
    if message.sender["is_bot"]:
        return False
    return bot.reads_all or standing == "administrator" or _meant_for(bot, message)


def _meant_for(bot: BotAccount, message: Message) -> bool:
    if message.answers is not None and message.answers.by == bot.id:
        return True
    return any(_names(bot, message, entity) for entity in message.entities)


def _names(bot: BotAccount, message: Message, entity: dict[str, Any]) -> bool:
    words = _piece(message.text, entity["offset"], entity["length"]).lower()
    if entity["type"] == "mention":
        return words == f"@{bot.username.lower()}"
    if entity["type"] != "bot_command":
        return False
    name = words.partition("@")[2]
    return name == bot.username.lower() if name else message.chat.last_bot in {None, bot.id}


def _piece(text: str, offset: int, length: int) -> str:
    encoded = text.encode("utf-16-le")
    return encoded[2 * offset : 2 * (offset + length)].decode("utf-16-le")

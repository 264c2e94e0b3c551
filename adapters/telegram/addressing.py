"""Where a message belongs, and whether it is meant for the bot. In groups people talk among themselves: only what names the bot,
answers it or commands it is taken. Entities count UTF-16 units.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.telegram.wire import Entity, Message
from bot.events import AccountKey, ChannelAddress

_NO_SPACE_BEFORE = (".", ",", "!", "?", ";", ":", ")", "\n")


@dataclass(frozen=True, slots=True)
class Me:
    """The bot itself, as getMe tells it: its user id and its name without the @. `commands` are its own without its name behind
    them; in a group, others may be meant for another bot.
    """

    id: int
    username: str
    commands: frozenset[str] = frozenset()

    def is_named(self, username: str) -> bool:
        return bool(username) and username.casefold() == self.username.casefold()


def address(account: AccountKey, chat_id: int, thread_id: int | None, is_topic: bool | None) -> ChannelAddress:
    """Threads that are no topics (replies in a plain supergroup) and a forum's General topic have no thread of their own."""
    thread = str(thread_id) if is_topic and thread_id is not None else ""
    return ChannelAddress(account.channel, account.name, str(chat_id), thread)


def meant(me: Me, message: Message) -> str | None:
    """The text as it is meant for the bot: its name is taken out, a command is written without it. None: not for the bot.

    The text is empty where there is none, such as a photo alone in a private chat.
    """
    text, entities = written(message)
    command = next((entity for entity in entities if entity.type == "bot_command" and entity.offset == 0), None)
    name, _, owner = _cut(text, 0, command.length).partition("@") if command else ("", "", "")
    if command and (me.is_named(owner) if owner else name[1:].lower() in me.commands):
        return name + _cut(text, command.length)
    if message.chat.type == "private":
        return text
    mentions = list(_mentions(me, text, entities))
    if mentions:
        return _without(text, mentions)
    return text if _answers(me, message) and not owner else None


def written(message: Message) -> tuple[str, Sequence[Entity]]:
    """What the person wrote: the text, or the caption of a file."""
    if message.text is not None:
        return message.text, message.entities
    return message.caption or "", message.caption_entities


def _answers(me: Me, message: Message) -> bool:
    """Whether it is a reply to the bot. In a topic that the bot opened every message points to its opening: that is none."""
    to = message.reply_to_message
    return to is not None and to.sender is not None and to.sender.id == me.id and to.forum_topic_created is None


def _mentions(me: Me, text: str, entities: Sequence[Entity]) -> Iterator[Entity]:
    for entity in entities:
        if entity.offset < 0 or entity.length < 1:
            continue
        by_name = entity.type == "mention" and me.is_named(_cut(text, entity.offset, entity.offset + entity.length)[1:])
        by_id = entity.type == "text_mention" and entity.user is not None and entity.user.id == me.id
        if by_name or by_id:
            yield entity


def _without(text: str, mentions: Sequence[Entity]) -> str:
    for entity in sorted(mentions, key=lambda one: one.offset, reverse=True):
        before = _cut(text, 0, entity.offset).rstrip(" ")
        after = _cut(text, entity.offset + entity.length).lstrip(" ")
        if before:
            text = before + ("" if not after or after.startswith(_NO_SPACE_BEFORE) else " ") + after
        else:
            text = after.lstrip(" ,:\n")
    return text.strip()


def _cut(text: str, start: int, end: int | None = None) -> str:
    """Characters by UTF-16 units; an offset inside a surrogate pair gives a replacement character instead of an error."""
    if text.isascii():
        return text[start:end]
    units = text.encode("utf-16-le", "surrogatepass")[2 * start : None if end is None else 2 * end]
    return units.decode("utf-16-le", "replace")

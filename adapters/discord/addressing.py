"""Which messages are for the bot, and where their conversation is. Pure.

- DMs: every message. The staff forum: every message.
- Guild channels: a message that mentions the bot or its own role, or answers one of its messages.
- Threads and forum posts: the same; and where the bot takes part (it opened the thread, was added by a mention, or was spoken
  to there before), every message that is not addressed to somebody else only, by a mention or an answer to them.
A mention in a text channel begins a thread where the bot may open one; an answer to a message of the bot in the channel goes
on where that message stands, and so does everything where the bot may open no threads: one conversation for the channel.
"""

from adapters.discord.payloads import Message
from adapters.discord.places import Place
from bot.events import AccountKey, ChannelAddress

DEFAULT, REPLY = 0, 19


def not_for_bot(message: Message, place: Place, me: str) -> str:
    """Why the message is not for the bot, as a stable word; "" when it is."""
    if reason := _not_of_a_person(message, me):
        return reason
    if place.is_dm or place.staff or calls(message, place, me):
        return ""
    if place.is_thread and place.takes_part:
        return "addressed_to_another" if _speaks_to_another(message) else ""
    return "not_addressed"


def _not_of_a_person(message: Message, me: str) -> str:
    if message.author is None:
        return "partial"
    if message.author.id == me:
        return "own"
    if message.webhook_id is not None:
        return "webhook"
    if message.author.bot:
        return "bot"
    return "" if message.type in (DEFAULT, REPLY) else "system"


def calls(message: Message, place: Place, me: str) -> bool:
    """Whether it names the bot, its role, or answers one of its messages."""
    return mentions(message, place, me) or _answers(message, me)


def mentions(message: Message, place: Place, me: str) -> bool:
    return any(user.id == me for user in message.mentions) or not place.roles.isdisjoint(message.mention_roles)


def address_of(account: AccountKey, message: Message, place: Place, me: str) -> ChannelAddress:
    """Where the conversation is that a message for the bot belongs to."""
    begins_thread = place.opens_threads and not _answers(message, me)
    if not place.is_dm and not place.is_thread and (begins_thread or message.thread is not None):
        return place.thread_from(account, message.id)
    return place.address(account)


def _answers(message: Message, me: str) -> bool:
    return message.referenced_message is not None and message.referenced_message.author.id == me


def _speaks_to_another(message: Message) -> bool:
    assert message.author is not None, "asked only of whole messages"
    named = {user.id for user in message.mentions}
    if message.referenced_message is not None:
        named.add(message.referenced_message.author.id)
    return bool(named - {message.author.id})

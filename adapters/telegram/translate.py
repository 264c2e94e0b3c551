"""One update becomes one fact. Pure: whatever Telegram sends gives a Received, and never an error.

The key is "BOT:UPDATE_ID". Ids are numbers that Telegram counts up and begins anew at random after a quiet week, when keys older
than a week are forgotten already; so an exact id is unique, while "greater than the last one" means nothing. The bot's own id
stands before it, for an account that gets another bot's token.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.telegram import contents, wire
from adapters.telegram.addressing import Me, address, meant, written
from bot.events import (
    AccountKey,
    Arrived,
    Author,
    ButtonPressed,
    ChannelAddress,
    ChatMoved,
    Cursor,
    Departed,
    Event,
    MessageEdited,
    MessageReceived,
    Received,
    Skipped,
    StopRequested,
    Undecodable,
)

Meaning = Event | Skipped | Undecodable

# kinds of Bot API 10.3 that mean nothing to us. They are not asked for, and come only from before we said so. A kind in neither
# list is newer than this release: it is kept as a dead letter, since what it says cannot be known to be nothing.
_UNWANTED = """
channel_post edited_channel_post business_connection business_message edited_business_message deleted_business_messages
guest_message message_reaction message_reaction_count inline_query chosen_inline_result shipping_query pre_checkout_query
purchased_paid_media poll poll_answer chat_member chat_join_request chat_boost removed_chat_boost managed_bot subscription
"""
UNWANTED = frozenset(_UNWANTED.split())


def translate(account: AccountKey, me: Me, raw: Any, now: datetime, cursor: Cursor | None = None) -> Received:
    """`raw` is the update as decoded JSON, or the bytes of what is no JSON. `now` (UTC) dates presses and stops, which have no
    time of their own.

    It is stored re-encoded without spaces: then a repeat is the same to the byte, whether it comes by polling or by webhook.
    """
    if isinstance(raw, bytes):
        return Received(account, _digest_key(me, raw), raw, Undecodable("not JSON"), cursor)
    stored = _encoded(raw)
    update_id = id_of(raw)
    if update_id is None:
        return Received(account, _digest_key(me, stored), stored, Undecodable("no update_id"), cursor)
    return Received(account, f"{me.id}:{update_id}", stored, _meaning(account, me, raw, now), cursor)


def id_of(raw: Any) -> int | None:
    """The number of an update as it came: 32 bits with Telegram, so one beyond 64 is none, and no key to store by."""
    update_id = raw.get("update_id") if isinstance(raw, dict) else None
    return update_id if type(update_id) is int and 0 <= update_id < 1 << 63 else None


def _digest_key(me: Me, raw: bytes) -> str:
    return f"{me.id}:x{hashlib.blake2b(raw, digest_size=16).hexdigest()}"


def _encoded(raw: Any) -> bytes:
    try:
        return json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell
        return json.dumps(raw, separators=(",", ":")).encode()


def _meaning(account: AccountKey, me: Me, raw: dict[str, Any], now: datetime) -> Meaning:
    try:
        update = wire.read(raw)
    except msgspec.ValidationError as error:
        return Undecodable(f"another shape: {error}")
    return _read(account, me, update, raw, now)


def _read(account: AccountKey, me: Me, update: wire.Update, raw: dict[str, Any], now: datetime) -> Meaning:
    if update.message:
        return _message(account, me, update.message, raw["message"])
    if update.edited_message:
        return _edit(account, me, update.edited_message, raw["edited_message"])
    if update.callback_query:
        return _press(account, update.callback_query, now)
    if update.my_chat_member:
        return _membership(account, update.my_chat_member)
    if update.stopped_message_generation:
        return _stop(account, update.stopped_message_generation, now)
    return _unread(raw)


def _unread(raw: dict[str, Any]) -> Meaning:
    kinds = raw.keys() - {"update_id"}
    unwanted = next((kind for kind in sorted(kinds) if kind in UNWANTED), None)
    return Skipped(unwanted) if unwanted else Undecodable("unknown kind of update")


def _message(account: AccountKey, me: Me, message: wire.Message, fields: dict[str, object]) -> Meaning:
    where = address(account, message.chat.id, message.message_thread_id, message.is_topic_message)
    if message.migrate_to_chat_id is not None:
        return ChatMoved(where, str(message.migrate_to_chat_id), _time(message.date))
    said = _said(me, message, fields)
    if isinstance(said, Skipped):
        return _rest_of_album(where, message) if said.reason == "not_addressed" and message.media_group_id else said
    author, text = said
    files = contents.attachments(message)
    text = "\n".join(filter(None, (text, *contents.words(message))))
    if not text and not files:  # the bot's name and nothing else is a word to the bot
        text = written(message)[0]
        files = () if text else contents.unreadable(fields)
    album = message.media_group_id or ""
    at, private = _time(message.date), message.chat.type == "private"
    return MessageReceived(where, author, contents.clean(text), at, str(message.message_id), files, album, private=private)


def _rest_of_album(where: ChannelAddress, message: wire.Message) -> Meaning:
    """Only one item of an album has the caption that means the bot: the others may belong to it."""
    author = _author(message)
    files = contents.attachments(message)
    if author is None or not files:
        return Skipped("not_addressed")
    at, album = _time(message.date), message.media_group_id or ""
    return MessageReceived(where, author, "", at, str(message.message_id), files, album, joins_only=True)


def _edit(account: AccountKey, me: Me, message: wire.Message, fields: dict[str, object]) -> Meaning:
    if message.location:
        return Skipped("live_location")  # the sender moves, every few seconds
    said = _said(me, message, fields)
    if isinstance(said, Skipped):
        return said
    author, text = said
    where = address(account, message.chat.id, message.message_thread_id, message.is_topic_message)
    at = _time(message.edit_date or message.date)
    return MessageEdited(where, author, contents.clean(text), at, str(message.message_id))


def _said(me: Me, message: wire.Message, fields: dict[str, object]) -> tuple[Author, str] | Skipped:
    """Who said what to the bot. A group that moved says so twice, in its old place and in its new one: the old one is told of."""
    if message.migrate_from_chat_id is not None:
        return Skipped("migrated_from")
    if message.chat.type == "channel":
        return Skipped("channel_post")
    if not contents.SERVICE.isdisjoint(fields):
        return Skipped("service_message")
    if message.is_automatic_forward:
        return Skipped("automatic_forward")
    author = _author(message)
    if author is None:
        return Skipped("from_bot" if message.sender else "no_author")
    text = meant(me, message)
    return Skipped("not_addressed") if text is None else (author, text)


def _author(message: wire.Message) -> Author | None:
    """Who wrote; None for bots. An anonymous administrator writes as the group, others as their channel: a person all the same,
    under a fake bot's name in `from`. They are known by the chat they write as.
    """
    if message.sender_chat:
        name = message.author_signature or message.sender_chat.title or ""
        return Author(str(message.sender_chat.id), contents.clean(name))
    if message.sender is None or message.sender.is_bot:
        return None
    return _person(message.sender)


def _person(user: wire.User) -> Author:
    name = " ".join(filter(None, (user.first_name, user.last_name)))
    return Author(str(user.id), contents.clean(name), contents.clean(user.language_code or ""))


def _press(account: AccountKey, query: wire.CallbackQuery, now: datetime) -> Meaning:
    """Of a message that is out of reach the topic is not told: then only the chat is right."""
    if query.message is None:
        return Skipped("inline_message")
    if not query.data:
        return Skipped("no_data")
    place = query.message
    where = address(account, place.chat.id, place.message_thread_id, place.is_topic_message)
    return ButtonPressed(where, _person(query.sender), contents.clean(query.data), now)


def _membership(account: AccountKey, change: wire.MemberUpdated) -> Meaning:
    before, after = _may_speak(change.old_chat_member), _may_speak(change.new_chat_member)
    if change.chat.type == "channel":
        return Skipped("channel_post")
    if before == after:
        return Skipped("same_membership")
    where, at = address(account, change.chat.id, None, None), _time(change.date)
    return (Arrived if after else Departed)(where, _person(change.sender), at)


def _may_speak(member: wire.Member) -> bool:
    """https://core.telegram.org/bots/api#chatmember: blocking a private chat is "kicked" as well."""
    if member.status == "restricted":
        return bool(member.is_member) and member.can_send_messages is not False
    return member.status in {"creator", "administrator", "member"}


def _stop(account: AccountKey, stopped: wire.GenerationStopped, now: datetime) -> Meaning:
    where = address(account, stopped.chat.id, stopped.message_thread_id, is_topic=True)
    return StopRequested(where, Author(where.chat_id), now)


def _time(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, UTC)

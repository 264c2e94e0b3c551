"""What a message holds besides its text: files as references, and the small things that can be told in words."""

import re
from collections.abc import Iterator

from adapters.telegram.wire import File, Location, Message
from bot.events import AttachmentReference

# an animation is repeated as a document, for old clients: the first of these that is there is the one
FILES = ("animation", "document", "voice", "audio", "video", "video_note", "sticker")
# nothing a bot could read, but something a person sent: the customer is told so
UNREADABLE = ("story", "paid_media", "game", "invoice", "checklist", "giveaway", "rich_message")
# what the chat's clients write about the chat: nobody said it. https://core.telegram.org/bots/api#message
_SERVICE = """
new_chat_members new_chat_member new_chat_participant left_chat_member left_chat_participant chat_owner_left
chat_owner_changed new_chat_title new_chat_photo delete_chat_photo group_chat_created supergroup_chat_created
channel_chat_created message_auto_delete_timer_changed pinned_message successful_payment refunded_payment users_shared
user_shared chat_shared gift unique_gift gift_upgrade_sent connected_website write_access_allowed passport_data
proximity_alert_triggered boost_added chat_background_set checklist_tasks_done checklist_tasks_added
direct_message_price_changed forum_topic_created forum_topic_edited forum_topic_closed forum_topic_reopened
general_forum_topic_hidden general_forum_topic_unhidden giveaway_created giveaway_winners giveaway_completed
managed_bot_created paid_message_price_changed poll_option_added poll_option_deleted suggested_post_approved
suggested_post_approval_failed suggested_post_declined suggested_post_paid suggested_post_refunded video_chat_scheduled
video_chat_started video_chat_ended video_chat_participants_invited web_app_data community_chat_added community_chat_removed
community_chat_joined
"""
SERVICE = frozenset(_SERVICE.split())
# no database takes these in a text; Telegram takes them away itself
_IMPOSSIBLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """The text as it can be stored."""
    return _IMPOSSIBLE.sub("\ufffd", text)


def words(message: Message) -> Iterator[str]:
    """Lines for what is no file and no text."""
    if message.contact:
        contact = message.contact
        name = " ".join(filter(None, (contact.first_name, contact.last_name)))
        yield f"Contact: {', '.join(filter(None, (name, contact.phone_number)))}"
    if message.venue:
        yield f"Venue: {message.venue.title}, {message.venue.address} ({_place(message.venue.location)})"
    elif message.location:
        yield f"Location: {_place(message.location)}"
    if message.poll:
        yield "\n".join([f"Poll: {message.poll.question}", *(f"- {option.text}" for option in message.poll.options)])
    if message.dice:
        yield f"{message.dice.emoji} {message.dice.value}"


def attachments(message: Message) -> tuple[AttachmentReference, ...]:
    """The files of a message; Telegram keeps them, and their references do not expire."""
    if message.photo:
        largest = max(message.photo, key=lambda size: ((size.width or 0) * (size.height or 0), size.file_size or 0))
        return (AttachmentReference("photo", largest.file_id, mime="image/jpeg", size=largest.file_size),)
    for kind in FILES:
        file: File | None = getattr(message, kind)
        if file is not None:
            return (_reference(kind, file),)
    return ()


def unreadable(fields: dict[str, object]) -> tuple[AttachmentReference, ...]:
    """What stands for content of a kind that nothing here reads, so that its sender gets an answer and no silence."""
    kind = next((name for name in UNREADABLE if name in fields), "unknown")
    return (AttachmentReference(kind, ""),)


def _reference(kind: str, file: File) -> AttachmentReference:
    mime = file.mime_type or (_sticker_mime(file) if kind == "sticker" else "")
    return AttachmentReference(kind, file.file_id, clean(file.file_name or file.emoji or ""), clean(mime), file.file_size)


def _sticker_mime(file: File) -> str:
    if file.is_animated:
        return "application/x-tgsticker"
    return "video/webm" if file.is_video else "image/webp"


def _place(location: Location) -> str:
    return f"{location.latitude:.6f}, {location.longitude:.6f}"

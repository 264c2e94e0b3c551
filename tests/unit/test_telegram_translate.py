"""Each kind of update becomes one fact: a table, one row a kind."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.telegram import contents
from adapters.telegram.translate import UNWANTED, translate
from adapters.telegram.wire import READ, Message
from bot.events import (
    Arrived,
    AttachmentReference,
    Author,
    ButtonPressed,
    ChannelAddress,
    ChatMoved,
    Departed,
    MessageEdited,
    MessageReceived,
    Skipped,
    StopRequested,
    Undecodable,
)
from tests.telegram_double import ACCOUNT, ANN, DATE, GROUP, ME, PRIVATE, message, said, update

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = datetime.fromtimestamp(DATE, UTC)
LATER = datetime.fromtimestamp(DATE + 60, UTC)
HOME = ChannelAddress("telegram", "main", "42")
ROOM = ChannelAddress("telegram", "main", "-100500")
OLD = ChannelAddress("telegram", "main", "-5")
PDF = "application/pdf"
NEWS = {"id": -1009, "type": "channel", "title": "News"}
AUTHOR = Author("42", "Ann Lee", "en")
BOT_USER = {"id": 9, "is_bot": True, "first_name": "Other"}
PHOTO = [
    {"file_id": "small", "width": 90, "height": 90, "file_size": 900},
    {"file_id": "large", "width": 1280, "height": 960, "file_size": 90_000},
    {"file_id": "middle", "width": 320, "height": 240, "file_size": 9_000},
]
FILE = {"file_id": "F", "file_unique_id": "u", "file_size": 10}
BERLIN = {"latitude": 52.52, "longitude": 13.405}


def heard(text: str = "", *files: AttachmentReference, album: str = "", at: ChannelAddress = HOME) -> MessageReceived:
    return MessageReceived(at, AUTHOR, text, AT, "7", files, album, private=at.chat_id == HOME.chat_id)


def file(kind: str, reference: str = "F", **more: Any) -> AttachmentReference:
    return AttachmentReference(kind, reference, **({"size": 10} | more))


def jpeg(reference: str, size: int) -> AttachmentReference:
    return AttachmentReference("photo", reference, mime="image/jpeg", size=size)


def marked(kind: str, length: int) -> dict[str, Any]:
    """An entity at the beginning."""
    return {"entities": [{"type": kind, "offset": 0, "length": length}]}


def in_topic(thread_id: int, at: ChannelAddress) -> ChannelAddress:
    return replace(at, thread_id=str(thread_id))


def shape(words: str, place: str) -> Undecodable:
    return Undecodable(f"another shape: {words} - at `$.message{place}`")


def media(**content: Any) -> dict[str, Any]:
    return update(message=message(**content))


def member(old: Any, new: Any, chat: dict[str, Any] = GROUP) -> dict[str, Any]:
    def state(status: Any) -> dict[str, Any]:
        return {"user": BOT_USER} | (status if isinstance(status, dict) else {"status": status})

    change = {"chat": chat, "from": ANN, "date": DATE, "old_chat_member": state(old), "new_chat_member": state(new)}
    return update(my_chat_member=change)


def pressed(**more: Any) -> dict[str, Any]:
    return update(
        callback_query={"id": "9", "from": ANN, "chat_instance": "1", "data": "row:yes", "message": message("?")} | more
    )


MUTED = {"status": "restricted", "is_member": True, "can_send_messages": False}
LIMITED = {"status": "restricted", "is_member": True, "can_send_messages": True}

ROWS: list[tuple[str, dict[str, Any], Any]] = [
    # private chats: everything is for the bot
    ("text", said("hello"), heard("hello")),
    ("a deep link stays text", said("/start ref-17"), heard("/start ref-17")),
    ("another bot's command is a text", said("/help@other", **marked("bot_command", 11)), heard("/help@other")),
    ("a topic of a private chat", said("hi", message_thread_id=3, is_topic_message=True), heard("hi", at=in_topic(3, HOME))),
    (
        "no last name, no language",
        update(message=message("x") | {"from": {"id": 1, "is_bot": False, "first_name": "Bo"}}),
        MessageReceived(HOME, Author("1", "Bo", ""), "x", AT, "7", private=True),
    ),
    ("a text that no database takes", said("a\x00b\ud800c"), heard("a\ufffdb\ufffdc")),
    # files
    ("a photo: its largest size", media(photo=PHOTO), heard("", jpeg("large", 90_000))),
    ("a caption is the text", media(photo=PHOTO[:1], caption="look"), heard("look", jpeg("small", 900))),
    (
        "a document",
        media(document=FILE | {"file_name": "a.pdf", "mime_type": PDF}),
        heard("", file("document", name="a.pdf", mime=PDF)),
    ),
    (
        "a voice message",
        media(voice=FILE | {"mime_type": "audio/ogg", "duration": 3}),
        heard("", file("voice", mime="audio/ogg")),
    ),
    (
        "a piece of music",
        media(audio=FILE | {"file_name": "a.mp3", "mime_type": "audio/mpeg"}),
        heard("", file("audio", name="a.mp3", mime="audio/mpeg")),
    ),
    ("a video", media(video=FILE | {"mime_type": "video/mp4"}), heard("", file("video", mime="video/mp4"))),
    ("a video note", media(video_note=FILE), heard("", file("video_note"))),
    ("an animation, once, though it is a document too", media(animation=FILE, document=FILE), heard("", file("animation"))),
    (
        "a sticker",
        media(sticker=FILE | {"emoji": "👍", "is_animated": False, "is_video": True}),
        heard("", file("sticker", name="👍", mime="video/webm")),
    ),
    ("one of an album", media(photo=PHOTO[:1], media_group_id="77"), heard("", jpeg("small", 900), album="77")),
    # what can be told in words
    (
        "a contact",
        media(contact={"phone_number": "+49151", "first_name": "Bo", "last_name": "Li"}),
        heard("Contact: Bo Li, +49151"),
    ),
    ("a location", media(location=BERLIN), heard("Location: 52.520000, 13.405000")),
    (
        "a venue, once, though it is a location too",
        media(venue={"title": "Shop", "address": "Main St 1", "location": BERLIN}, location=BERLIN),
        heard("Venue: Shop, Main St 1 (52.520000, 13.405000)"),
    ),
    (
        "a poll",
        media(poll={"question": "When?", "options": [{"text": "Mon"}, {"text": "Tue"}]}),
        heard("Poll: When?\n- Mon\n- Tue"),
    ),
    ("a die", media(dice={"emoji": "🎲", "value": 4}), heard("🎲 4")),
    # what nobody can read, and still somebody sent
    ("a story", media(story={"id": 1}), heard("", AttachmentReference("story", ""))),
    ("content newer than this release", media(hologram={"id": 1}), heard("", AttachmentReference("unknown", ""))),
    # groups: see test_telegram_addressing for what is meant for the bot
    ("people among themselves", said("hi Bo", chat=GROUP), Skipped("not_addressed")),
    ("a mention", said("@frontbot hi", chat=GROUP, **marked("mention", 9)), heard("hi", at=ROOM)),
    ("the bot's name alone", said("@frontbot", chat=GROUP, **marked("mention", 9)), heard("@frontbot", at=ROOM)),
    (
        "an anonymous administrator",
        update(
            message=message("/new", chat=GROUP, sender_chat=GROUP, author_signature="boss", **marked("bot_command", 4))
            | {"from": BOT_USER}
        ),
        MessageReceived(ROOM, Author("-100500", "boss"), "/new", AT, "7"),
    ),
    (
        "somebody writing as a channel",
        update(message=message("/new", chat=GROUP, sender_chat=NEWS, **marked("bot_command", 4)) | {"from": BOT_USER}),
        MessageReceived(ROOM, Author("-1009", "News"), "/new", AT, "7"),
    ),
    (
        "a channel's post in its discussion group",
        said("/new", chat=GROUP, sender_chat=NEWS, is_automatic_forward=True),
        Skipped("automatic_forward"),
    ),
    ("another bot", update(message=message("hi") | {"from": BOT_USER}), Skipped("from_bot")),
    ("nobody", update(message=message("hi", **{"from": None})), Skipped("no_author")),
    ("a service message", media(chat=GROUP, new_chat_members=[ANN]), Skipped("service_message")),
    # the group became a supergroup: said in the old place (told of) and in the new one (skipped, it is the same news)
    ("a move, in the old place", media(chat={"id": -5, "type": "group"}, migrate_to_chat_id=-1005), ChatMoved(OLD, "-1005", AT)),
    ("a move, in the new place", media(chat=GROUP, migrate_from_chat_id=-5), Skipped("migrated_from")),
    # edits
    ("an edit", update(edited_message=message("hello!", edit_date=DATE + 60)), MessageEdited(HOME, AUTHOR, "hello!", LATER, "7")),
    (
        "an edit of a caption",
        update(edited_message=message(caption="b", photo=PHOTO, edit_date=DATE + 60)),
        MessageEdited(HOME, AUTHOR, "b", LATER, "7"),
    ),
    ("an edit among people", update(edited_message=message("hi", chat=GROUP, edit_date=DATE + 60)), Skipped("not_addressed")),
    ("a sender who moves", update(edited_message=message(location=BERLIN, edit_date=DATE + 60)), Skipped("live_location")),
    # buttons
    ("a press", pressed(), ButtonPressed(HOME, AUTHOR, "row:yes", NOW)),
    (
        "a press in a topic",
        pressed(message=message("?", chat=GROUP, message_thread_id=8, is_topic_message=True)),
        ButtonPressed(in_topic(8, ROOM), AUTHOR, "row:yes", NOW),
    ),
    (
        "a press under a message out of reach",
        pressed(message={"chat": GROUP, "message_id": 3, "date": 0}),
        ButtonPressed(ROOM, AUTHOR, "row:yes", NOW),
    ),
    ("a press under an inline message", pressed(message=None, inline_message_id="x"), Skipped("inline_message")),
    ("a press without data", pressed(data=None, game_short_name="chess"), Skipped("no_data")),
    # the native stop: of a private chat, so the chat is the person
    ("a stop", update(stopped_message_generation={"chat": PRIVATE, "draft_id": 3}), StopRequested(HOME, Author("42"), NOW)),
    (
        "a stop in a topic",
        update(stopped_message_generation={"chat": PRIVATE, "draft_id": 3, "message_thread_id": 6}),
        StopRequested(in_topic(6, HOME), Author("42"), NOW),
    ),
    # where the bot may speak
    ("added to a group", member("left", "member"), Arrived(ROOM, AUTHOR, AT)),
    ("made an administrator", member("member", "administrator"), Skipped("same_membership")),
    ("thrown out", member("administrator", "kicked"), Departed(ROOM, AUTHOR, AT)),
    ("taken out", member("member", "left"), Departed(ROOM, AUTHOR, AT)),
    ("muted", member("member", MUTED), Departed(ROOM, AUTHOR, AT)),
    ("restricted, but not in speaking", member("member", LIMITED), Skipped("same_membership")),
    ("may speak again", member(MUTED, LIMITED), Arrived(ROOM, AUTHOR, AT)),
    ("blocked", member("member", "kicked", PRIVATE), Departed(HOME, AUTHOR, AT)),
    ("unblocked", member("kicked", "member", PRIVATE), Arrived(HOME, AUTHOR, AT)),
    (
        "made an administrator of a channel",
        member("left", "administrator", {"id": -1, "type": "channel"}),
        Skipped("channel_post"),
    ),
    # kinds that are not asked for; a kind that nobody knows is kept, since nobody can say that it is nothing
    ("a channel's post", update(channel_post=message("news", chat={"id": -1, "type": "channel"})), Skipped("channel_post")),
    ("an inline query", update(inline_query={"id": "1", "from": ANN, "query": "", "offset": ""}), Skipped("inline_query")),
    ("a kind from the future", update(telepathy={"from": ANN}), Undecodable("unknown kind of update")),
    ("no kind at all", update(), Undecodable("unknown kind of update")),
    # poison
    ("a text that is a number", update(message=message("x") | {"text": 5}), shape("Expected `str | null`, got `int`", ".text")),
    (
        "a chat without an id",
        update(message=message("x", chat={"type": "private"})),
        shape("Object missing required field `id`", ".chat"),
    ),
    ("a date beyond the calendar", update(message=message("x", date=10**15)), shape("Expected `int` <= 253402300799", ".date")),
]


@pytest.mark.parametrize(("raw", "event"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_an_update_is_read_as(raw: dict[str, Any], event: Any) -> None:
    received = translate(ACCOUNT, ME, raw, NOW)
    if isinstance(event, Undecodable):  # the wording is the decoder's, but it tells a place and no content
        assert isinstance(received.event, Undecodable)
        assert event.reason.split(" - ")[-1] in received.event.reason
    else:
        assert received.event == event
    assert received.key == "1234567890:5"
    assert json.loads(received.raw) == raw


def test_every_kind_of_update_that_the_library_knows_is_read_or_unwanted() -> None:
    from aiogram.types import Update

    assert set(Update.model_fields) - {"update_id"} == UNWANTED | set(READ)


def test_every_kind_of_content_that_the_library_knows_is_read_or_service_or_known_as_unreadable() -> None:
    from aiogram.enums import ContentType

    known = contents.SERVICE | set(contents.UNREADABLE) | {"unknown", "any"} | set(Message.__struct_fields__)
    assert {kind.value for kind in ContentType} - known == {"live_photo"}  # which is a photo as well

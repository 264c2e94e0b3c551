"""From payloads to what happened, row by row: who is spoken to, where the conversation is, what is read of a message."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from adapters.discord.places import Place
from adapters.discord.translate import PLACE_BEGUN, UNREADABLE, Translator, read_message
from bot.events import AccountKey, ChannelAddress, Cursor, MessageEdited, MessageReceived, Received, Skipped, Undecodable

KEY = AccountKey("discord", "main")
ME, ROLE, ANNA, BERT = "100", "101", "200", "300"
ID = str(175928847299117063)  # of Discord's own reference: 30 April 2016, 11:18:25.796 UTC
AT = datetime(2016, 4, 30, 11, 18, 25, 796000, tzinfo=UTC)

DM = Place("10")
TEXT = Place("20", "1", opens_threads=True, roles=frozenset({ROLE}))
CLOSED = Place("20", "1", roles=frozenset({ROLE}))
OURS = Place("30", "1", "20", takes_part=True, roles=frozenset({ROLE}))
THEIRS = Place("30", "1", "20", roles=frozenset({ROLE}))
STAFF = Place("40", "1", "41", staff=True)

HERE, IN_THREAD, IN_DM = (ChannelAddress("discord", "main", *where) for where in (("20",), ("30", "20"), ("10",)))
FROM_MESSAGE = ChannelAddress("discord", "main", ID, "20")


def user(number: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "username": f"user{number}", **more}


def payload(content: str = "hi", **more: Any) -> dict[str, Any]:
    return {"id": ID, "channel_id": "20", "type": 0, "author": user(ANNA, global_name="Anna"), "content": content, **more}


def answering(author: str, content: str = "before") -> dict[str, Any]:
    return {
        "type": 19,
        "message_reference": {"message_id": "5"},
        "referenced_message": {"id": "5", "author": user(author), "content": content},
    }


def translated(said: dict[str, Any], place: Place) -> tuple[Received, ...]:
    raw = msgspec.json.encode(said)
    return Translator(KEY).message(raw, read_message(raw), place, ME)


MENTION, ROLE_MENTION = {"mentions": [user(ME, bot=True)]}, {"mention_roles": [ROLE]}


@pytest.mark.parametrize(
    ("said", "place", "address"),
    [
        # DMs and the staff forum: everything
        (payload(), DM, IN_DM),
        (payload(), STAFF, ChannelAddress("discord", "main", "40", "41")),
        # a mention of the bot or its role begins a thread; where it may open none, the conversation is the channel's
        (payload(f"<@{ME}> hi", **MENTION), TEXT, FROM_MESSAGE),
        (payload(f"<@&{ROLE}> hi", **ROLE_MENTION), TEXT, FROM_MESSAGE),
        (payload(f"<@{ME}> hi", **MENTION), CLOSED, HERE),
        # an answer to the bot goes on where the bot spoke, pinged or not
        (payload(**answering(ME)), TEXT, HERE),
        (payload(**answering(ME), **MENTION), TEXT, HERE),
        # a message that has a thread already stays in it
        (payload(f"<@{ME}> hi", thread={"id": ID}, **MENTION), CLOSED, FROM_MESSAGE),
        # threads: once the bot takes part, everything that is not for another
        (payload(), OURS, IN_THREAD),
        (payload(f"<@{ME}> hi", **MENTION), THEIRS, IN_THREAD),
        (payload(f"<@{BERT}> and <@{ME}>", mentions=[user(BERT), user(ME)]), OURS, IN_THREAD),
        (payload(**answering(ANNA)), OURS, IN_THREAD),
        (payload(**answering(ME), mentions=[user(BERT)]), OURS, IN_THREAD),
    ],
)
def test_a_message_for_the_bot_is_received_at_its_address(said: dict[str, Any], place: Place, address: ChannelAddress) -> None:
    received, *begun = translated(said, place)
    assert isinstance(received.event, MessageReceived)
    assert received.event.address == address
    assert (received.key, received.cursor) == (f"m{ID}", Cursor(place.place_id, ID))
    assert (received.event.at, received.event.platform_id) == (AT, ID)
    # a thread that does not exist yet gets a cursor, so that a gap in it can be read
    assert [(one.key, one.event, one.cursor) for one in begun] == (
        [(f"t{ID}", PLACE_BEGUN, Cursor(ID, ID))] if address == FROM_MESSAGE else []
    )


@pytest.mark.parametrize(
    ("said", "place", "reason"),
    [
        (payload(), TEXT, "not_addressed"),
        (payload("@everyone", mention_everyone=True), TEXT, "not_addressed"),
        (payload(mention_roles=["999"]), TEXT, "not_addressed"),
        (payload(**answering(BERT)), TEXT, "not_addressed"),
        (payload(), THEIRS, "not_addressed"),
        (payload(mentions=[user(BERT)]), OURS, "addressed_to_another"),
        (payload(**answering(BERT)), OURS, "addressed_to_another"),
        (payload(author=user(ME, bot=True)), DM, "own"),
        (payload(author=user("999", bot=True), **MENTION), TEXT, "bot"),
        (payload(webhook_id="7", **MENTION), TEXT, "webhook"),
        (payload("", type=7), DM, "system"),
        (payload("", type=21), OURS, "system"),
        (payload(author=None), DM, "partial"),
        # without the privileged intent the text is empty
        (payload(""), OURS, "no_content"),
    ],
)
def test_what_is_not_for_the_bot_is_skipped_by_reason_and_still_passed_by(
    said: dict[str, Any], place: Place, reason: str
) -> None:
    (received,) = translated(said, place)
    assert received.event == Skipped(reason)
    assert received.cursor == Cursor(place.place_id, ID)


POLL = {"question": {"text": "Tea?"}, "answers": [{"poll_media": {"text": "yes"}}, {"poll_media": {"text": "no"}}]}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (payload(f"<@{ME}> where is it?", **MENTION), "where is it?"),
        (payload(f"<@!{ME}>, where is it?", **MENTION), "where is it?"),
        (payload(f"hello <@{ME}> there", **MENTION), "hello there"),
        (payload(f"where is it, <@&{ROLE}>?", **ROLE_MENTION), "where is it,?"),
        (payload(f"<@{ME}> ask <@{BERT}>", mentions=[user(ME), user(BERT, global_name="Bert")]), "ask @Bert"),
        (payload(f"<@{ME}> nice <:party:123> <a:dance:4>", **MENTION), "nice :party: :dance:"),
        (payload(f"<@{ME}> /new", **MENTION), "/new"),
        # a mention alone greets, or asks about the message above it
        (payload(f"<@{ME}>", **MENTION), "/start"),
        (payload(f"<@{ME}>", **answering(BERT, "it is\nlate"), **MENTION), "> it is\n> late"),
        (payload(f"<@{ME}>", **MENTION, poll=POLL), "Poll: Tea?\n- yes\n- no"),
        (payload(f"<@{ME}>", **MENTION, message_snapshots=[{"message": {"content": "a\nb"}}]), "Forwarded message:\n> a\n> b"),
    ],
)
def test_the_text_is_what_a_person_would_read_without_the_bots_own_mention(said: dict[str, Any], text: str) -> None:
    received, *_ = translated(said, TEXT)
    assert isinstance(received.event, MessageReceived)
    assert received.event.text == text


@pytest.mark.parametrize(("place", "private"), [(DM, True), (STAFF, False), (OURS, False)])
def test_only_in_a_direct_message_nobody_reads_along(place: Place, private: bool) -> None:
    event = translated(payload(), place)[0].event
    assert isinstance(event, MessageReceived)
    assert event.private is private


def test_files_and_stickers_are_references_with_kind_and_end() -> None:
    files = [
        {"id": "1", "filename": "a.png", "content_type": "image/png", "size": 9, "url": "https://cdn/x?ex=5e0be100&is=1"},
        {"id": "2", "filename": "b.pdf", "content_type": "application/pdf", "url": "https://cdn/y"},
    ]
    (received,) = translated(payload("", attachments=files, sticker_items=[{"id": "3", "name": "wave"}]), DM)
    assert isinstance(received.event, MessageReceived)
    photo, pdf, sticker = received.event.attachments
    assert (photo.kind, photo.reference, photo.mime, photo.size) == ("photo", f"20/{ID}/1", "image/png", 9)
    assert photo.expires_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert (pdf.kind, pdf.name, pdf.expires_at) == ("file", "b.pdf", None)
    assert (sticker.kind, sticker.name) == ("sticker", "wave")


def test_a_voice_message_is_one() -> None:
    voice = [{"id": "1", "filename": "voice-message.ogg", "content_type": "audio/ogg"}]
    (received,) = translated(payload("", flags=1 << 13, attachments=voice), DM)
    assert isinstance(received.event, MessageReceived)
    assert received.event.attachments[0].kind == "voice"


@pytest.mark.parametrize(
    ("more", "name"), [({"member": {"nick": "Anni"}}, "Anni"), ({}, "Anna"), ({"author": user(ANNA)}, "user200")]
)
def test_the_author_is_called_what_others_see(more: dict[str, Any], name: str) -> None:
    (received,) = translated(payload(**more), DM)
    assert isinstance(received.event, MessageReceived)
    assert (received.event.author.user_id, received.event.author.name) == (ANNA, name)


EDITED = "2016-04-30T11:20:00.000000+00:00"


@pytest.mark.parametrize(
    ("said", "place", "event"),
    [
        (payload("better", edited_timestamp=EDITED), DM, "better"),
        # only embeds or a pin changed
        (payload("same"), DM, Skipped("no_edit")),
        ({"id": ID, "channel_id": "20", "embeds": []}, DM, Skipped("no_edit")),
        (payload("better", edited_timestamp=EDITED), TEXT, Skipped("not_addressed")),
        (payload("better", edited_timestamp=EDITED, author=user(ME, bot=True)), DM, Skipped("own")),
    ],
)
def test_an_edit_is_its_new_text_and_anything_else_is_skipped(said: dict[str, Any], place: Place, event: str | Skipped) -> None:
    raw = msgspec.json.encode(said)
    received = Translator(KEY).edit(raw, read_message(raw), place, ME)
    assert received.key == f"e{ID}:{said.get('edited_timestamp', '')}"
    if isinstance(event, Skipped):
        assert received.event == event
    else:
        assert isinstance(received.event, MessageEdited)
        assert (received.event.text, received.event.platform_id) == (event, ID)


@pytest.mark.parametrize(
    "said", [{"id": 5, "channel_id": "1"}, {"channel_id": "1"}, payload(id="x"), payload(content=5), payload(mentions="me")]
)
def test_a_payload_of_another_shape_is_unreadable_and_named_without_its_content(said: dict[str, Any]) -> None:
    raw = msgspec.json.encode(said)
    with pytest.raises(UNREADABLE) as raised:
        Translator(KEY).message(raw, read_message(raw), DM, ME)
    first, second = (Translator(KEY).undecodable(raw, raised.value) for _ in range(2))
    assert first == second
    assert first.event in (Undecodable("shape"), Undecodable("not_an_id"))

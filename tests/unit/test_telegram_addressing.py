"""What in a group is meant for the bot, and what of it is left when the bot's name is taken out."""

from typing import Any

import pytest

from adapters.telegram import wire
from adapters.telegram.addressing import Me, meant
from tests.telegram_double import GROUP, ME, PRIVATE, message

BOT = {"id": ME.id, "is_bot": True, "first_name": "Front"}
OTHER = {"id": 9, "is_bot": False, "first_name": "Bo"}


def entity(kind: str, offset: int, length: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "offset": offset, "length": length} | more


def mention(offset: int, length: int = 9) -> list[dict[str, Any]]:
    return [entity("mention", offset, length)]


def command(length: int) -> list[dict[str, Any]]:
    return [entity("bot_command", 0, length)]


def reply(sender: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"reply_to_message": {"message_id": 1, "date": 1, "chat": GROUP, "from": sender} | more}


ROWS: list[tuple[str, str | None, str | None, dict[str, Any]]] = [
    # not addressed
    ("plain talk", "hello all", None, {}),
    ("another's mention", "@somebody hi", None, {"entities": mention(0)}),
    ("the name without being a mention", "@frontbot hi", None, {}),
    ("the name inside a longer one", "@frontbot2 hi", None, {"entities": mention(0, 10)}),
    ("a reply to a person", "yes", None, reply(OTHER)),
    ("nothing at all", None, None, {}),
    ("an offset beyond the text", "hi", None, {"entities": mention(400)}),
    ("an offset before the text", "hi @frontbot", None, {"entities": mention(-9)}),
    ("a mention of no length", "@frontbot", None, {"entities": mention(0, 0)}),
    # mentions
    ("at the beginning", "@frontbot how are you?", "how are you?", {"entities": mention(0)}),
    ("whatever the case", "@FRONTBOT hi", "hi", {"entities": mention(0)}),
    ("with a comma", "@frontbot, hi", "hi", {"entities": mention(0)}),
    ("with a new line", "@frontbot\nhi\nyou", "hi\nyou", {"entities": mention(0)}),
    ("in the middle", "well @frontbot what now", "well what now", {"entities": mention(5)}),
    ("at the end", "are you there @frontbot?", "are you there?", {"entities": mention(14)}),
    ("twice", "@frontbot hi @frontbot", "hi", {"entities": mention(0) + mention(13)}),
    ("behind characters of two units", "👋🏽 @frontbot hi", "👋🏽 hi", {"entities": mention(5)}),
    ("between them", "🙂 @frontbot 🙂", "🙂 🙂", {"entities": mention(3)}),
    ("in the middle of one: cut off nothing else", "🙂@frontbot", None, {"entities": mention(1)}),
    ("by the name without @", "Front do it", "do it", {"entities": [entity("text_mention", 0, 5, user=BOT)]}),
    ("by another's name without @", "Bo do it", None, {"entities": [entity("text_mention", 0, 2, user=OTHER)]}),
    ("in a caption", None, "look", {"caption": "@frontbot look", "caption_entities": mention(0)}),
    ("a mention that a command follows", "@frontbot /new", "/new", {"entities": mention(0)}),
    # commands
    ("a bare command", "/new", "/new", {"entities": command(4)}),
    ("ours", "/new@frontbot", "/new", {"entities": command(13)}),
    ("ours with words", "/start@FrontBot ref 17", "/start ref 17", {"entities": command(15)}),
    ("a bare command that is not ours", "/weather Berlin", None, {"entities": command(8)}),
    ("not ours, in a reply to us", "/weather Berlin", "/weather Berlin", {"entities": command(8)} | reply(BOT)),
    ("not ours, with our name", "/weather@frontbot Berlin", "/weather Berlin", {"entities": command(17)}),
    ("another's", "/new@otherbot", None, {"entities": command(13)}),
    ("another's in a reply to us", "/new@otherbot", None, {"entities": command(13)} | reply(BOT)),
    ("another's that mentions us", "/ask@otherbot @frontbot", "/ask@otherbot", {"entities": command(13) + mention(14)}),
    ("a command in the middle", "say /new", None, {"entities": [entity("bot_command", 4, 4)]}),
    ("what looks like one", "/new", None, {}),
    # replies
    ("a reply to the bot", "yes please", "yes please", reply(BOT)),
    # in a topic every message points to the one that opened it: where the bot did, that is no reply to it
    ("in a topic that the bot opened", "hi all", None, reply(BOT, forum_topic_created={"name": "T", "icon_color": 1})),
    ("a reply to the bot without words", None, "", reply(BOT)),
]


@pytest.mark.parametrize(("text", "expected", "more"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_in_a_group_the_bot_hears(text: str | None, expected: str | None, more: dict[str, Any]) -> None:
    assert meant(ME, read(message(text, chat=GROUP, **more))) == expected


@pytest.mark.parametrize(
    ("text", "expected", "entities"),
    [
        ("hello", "hello", []),
        ("@frontbot hi", "@frontbot hi", mention(0)),  # nobody else is there: the words stay as they are
        ("/new@frontbot", "/new", command(13)),
        ("/new@otherbot", "/new@otherbot", command(13)),
    ],
)
def test_in_private_the_bot_hears_everything(text: str, expected: str, entities: list[dict[str, Any]]) -> None:
    assert meant(ME, read(message(text, chat=PRIVATE, entities=entities))) == expected


def test_a_bot_without_a_name_is_addressed_by_nobody() -> None:
    assert meant(Me(1, ""), read(message("@ hi", chat=GROUP, entities=mention(0, 1)))) is None


def read(raw: dict[str, Any]) -> wire.Message:
    found = wire.read({"update_id": 1, "message": raw}).message
    assert found is not None
    return found

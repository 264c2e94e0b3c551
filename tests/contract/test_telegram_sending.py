"""Each rule of sending, broken through the real aiogram: the stand-in answers as the platform does."""

import random

import pytest
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramUnauthorizedError
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity, ReplyParameters

from tests.contract.telegram_scene import client, telegram
from tests.telegram_server.marks import Mark, fitted
from tests.telegram_server.text import formatted, units


def keyboard(*data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text=f"B{n}", callback_data=each)] for n, each in enumerate(data)]
    )


async def test_a_sent_message_comes_back_as_the_platform_tells_it_and_is_seen() -> None:
    async with telegram() as scene:
        sent = await scene.bot.send_message(scene.ann.id, "hello *you*", reply_markup=keyboard("yes"))
        assert (sent.text, sent.chat.type, sent.from_user and sent.from_user.username) == (
            "hello *you*",
            "private",
            scene.account.username,
        )
        (seen,) = scene.server.log
        assert (seen.what, seen.chat_id, seen.message_id, seen.text) == ("sent", scene.ann.id, sent.message_id, "hello *you*")
        assert [(button.text, button.data) for row in seen.buttons for button in row] == [("B0", "yes")]
        assert scene.server.on_show(scene.ann.id) == ["hello *you*"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * 4097, "Bad Request: message is too long"),
        ("😀" * 2049, "Bad Request: message is too long"),  # 4098 UTF-16 units
        ("ж" * 16385, "Bad Request: text is too long"),  # over 32 KiB of UTF-8
        (" \n ", "Bad Request: text must be non-empty"),
        ("", "Bad Request: message text is empty"),
    ],
)
async def test_a_text_of_wrong_length_is_refused(text: str, words: str) -> None:
    async with telegram() as scene:
        with pytest.raises(TelegramBadRequest, match=f"{words}$"):
            await scene.bot.send_message(scene.ann.id, text)
        assert not scene.server.log


async def test_4096_units_are_taken() -> None:
    async with telegram() as scene:
        await scene.bot.send_message(scene.ann.id, "😀" * 2048)
        assert units(scene.server.log[0].text) == 4096


@pytest.mark.parametrize(
    ("entity", "words"),
    [
        (MessageEntity(type="bold", offset=-1, length=2), "receive an entity with incorrect offset -1"),
        (MessageEntity(type="bold", offset=0, length=-2), "receive an entity with incorrect length -2"),
        (MessageEntity(type="bold", offset=2, length=1), "entity begins in a middle of a UTF-16 symbol"),
        (
            MessageEntity(type="bold", offset=0, length=2),
            "entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol",
        ),
        (
            MessageEntity(type="bold", offset=0, length=9),
            "entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16",
        ),
        (MessageEntity(type="bold", offset=5, length=1), "entity begins after the end of the text at UTF-16 offset 5"),
        (MessageEntity(type="shiny", offset=0, length=1), "can't parse MessageEntity: Unsupported type specified"),
        (MessageEntity(type="text_link", offset=0, length=1), "can't parse MessageEntity: can't find field"),
        (MessageEntity(type="text_link", offset=0, length=1, url="nowhere"), "entity URL 'nowhere' is invalid: Wrong HTTP URL"),
        (MessageEntity(type="text_link", offset=0, length=1, url="gopher://a.b"), "invalid: Unsupported URL protocol"),
    ],
)
async def test_a_wrong_entity_is_refused_in_the_servers_words(entity: MessageEntity, words: str) -> None:
    async with telegram() as scene:
        with pytest.raises(TelegramBadRequest, match=words):
            await scene.bot.send_message(scene.ann.id, "a😀b", entities=[entity])


async def test_what_the_server_mends_in_silence_is_counted() -> None:
    async with telegram() as scene:
        nested = [MessageEntity(type="code", offset=3, length=2), MessageEntity(type="bold", offset=0, length=6)]
        sent = await scene.bot.send_message(scene.ann.id, " a\u2028bcdef \n", entities=nested)
        assert sent.text == " abcdef"  # an entity at the start keeps the blank there
        assert [(each.type, each.offset, each.length) for each in sent.entities or ()] == [
            ("bold", 0, 2),
            ("code", 2, 2),
            ("bold", 4, 1),
        ]
        assert set(scene.server.mended) == {"trimmed", "characters replaced", "entities nested anew"}


async def test_an_entity_ends_with_the_text_that_is_left_after_trimming() -> None:
    async with telegram() as scene:
        over = [MessageEntity(type="bold", offset=1, length=4), MessageEntity(type="italic", offset=3, length=1)]
        sent = await scene.bot.send_message(scene.ann.id, "abc  ", entities=over)
        assert [(each.type, each.offset, each.length) for each in sent.entities or ()] == [("bold", 1, 2)]


async def test_well_formed_text_is_left_alone() -> None:
    async with telegram() as scene:
        marks = [
            MessageEntity(type="bold", offset=0, length=1),
            MessageEntity(type="text_link", offset=2, length=2, url="https://a.b/c"),
        ]
        await scene.bot.send_message(scene.ann.id, "a bc", entities=marks)
        assert not scene.server.mended


async def test_telegram_finds_links_mentions_and_commands_by_itself() -> None:
    async with telegram() as scene:
        group = scene.server.add_group("Team", scene.ann, bots=[scene.account], supergroup=True)
        sent = await scene.bot.send_message(group.id, "see https://a.com/b?c=1, @ann_k or /help and a@b.org #now")
        kinds = [each.type for each in sent.entities or ()]
        assert kinds == ["url", "mention", "bot_command", "email", "hashtag"]


async def test_entities_the_server_nests_anew_are_always_valid() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kinds = ["bold", "italic", "spoiler", "code", "pre", "text_link", "blockquote", "expandable_blockquote"]
    for _ in range(300):
        marks = [Mark(chance.choice(kinds), chance.randrange(20), chance.randrange(1, 12)) for _ in range(chance.randrange(1, 7))]
        once = fitted(marks)
        assert fitted(once) == once
        assert all(mark.length > 0 for mark in once)
        for code in (mark for mark in once if mark.type in {"code", "pre"}):
            inside = [mark for mark in once if mark is not code and code.offset <= mark.offset < code.end]
            assert all("quote" in mark.type and mark.end >= code.end for mark in inside), once


async def test_formatting_twice_changes_nothing_more() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(300):
        text = "".join(chance.choice("ab \n\r\u2028😀é\u200e") for _ in range(chance.randrange(1, 30))) + "x"
        once = formatted(text, [])
        assert formatted(once.text, []).text == once.text


async def test_parse_mode_is_refused_clearly() -> None:
    async with telegram() as scene:
        with pytest.raises(TelegramBadRequest, match="this server reads no parse_mode"):
            await scene.bot.send_message(scene.ann.id, "*hi*", parse_mode="MarkdownV2")


async def test_buttons_have_their_limits() -> None:
    async with telegram() as scene:
        await scene.bot.send_message(scene.ann.id, "ok", reply_markup=keyboard("ж" * 32))
        with pytest.raises(TelegramBadRequest, match=r"Bad Request: BUTTON_DATA_INVALID$"):
            await scene.bot.send_message(scene.ann.id, "no", reply_markup=keyboard("ж" * 32 + "x"))
        bare = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="bare")]])
        with pytest.raises(TelegramBadRequest, match="Text buttons are unallowed in the inline keyboard"):
            await scene.bot.send_message(scene.ann.id, "no", reply_markup=bare)
        assert scene.server.on_show(scene.ann.id) == ["ok"]


async def test_a_reply_needs_its_message_unless_it_may_do_without() -> None:
    async with telegram() as scene:
        asked = scene.ann.say("really?")
        reply = await scene.bot.send_message(scene.ann.id, "yes", reply_parameters=ReplyParameters(message_id=asked.message_id))
        assert reply.reply_to_message is not None
        assert reply.reply_to_message.text == "really?"
        with pytest.raises(TelegramBadRequest, match="message to be replied not found"):
            await scene.bot.send_message(scene.ann.id, "no", reply_parameters=ReplyParameters(message_id=999))
        lenient = ReplyParameters(message_id=999, allow_sending_without_reply=True)
        assert (await scene.bot.send_message(scene.ann.id, "so", reply_parameters=lenient)).reply_to_message is None


async def test_an_identical_edit_is_refused_and_another_is_shown() -> None:
    async with telegram() as scene:
        sent = await scene.bot.send_message(scene.ann.id, "one", reply_markup=keyboard("a"))
        with pytest.raises(TelegramBadRequest, match="message is not modified: specified new message content and reply markup"):
            await scene.bot.edit_message_text("one", chat_id=scene.ann.id, message_id=sent.message_id, reply_markup=keyboard("a"))
        await scene.bot.edit_message_text("two", chat_id=scene.ann.id, message_id=sent.message_id)
        assert [(seen.what, seen.text, len(seen.buttons)) for seen in scene.server.log] == [
            ("sent", "one", 1),
            ("edited", "two", 0),
        ]
        assert scene.server.on_show(scene.ann.id) == ["two"]
        assert scene.server.times_shown("one") == scene.server.times_shown("two") == 1


async def test_buttons_alone_can_be_changed() -> None:
    async with telegram() as scene:
        sent = await scene.bot.send_message(scene.ann.id, "one", reply_markup=keyboard("a"))
        await scene.bot.edit_message_reply_markup(chat_id=scene.ann.id, message_id=sent.message_id)
        with pytest.raises(TelegramBadRequest, match="message is not modified"):
            await scene.bot.edit_message_reply_markup(chat_id=scene.ann.id, message_id=sent.message_id)


async def test_what_is_gone_or_not_ones_own_cannot_be_edited() -> None:
    async with telegram() as scene:
        said = scene.ann.say("mine")
        with pytest.raises(TelegramBadRequest, match="message can't be edited"):
            await scene.bot.edit_message_text("yours", chat_id=scene.ann.id, message_id=said.message_id)
        sent = await scene.bot.send_message(scene.ann.id, "one")
        scene.ann.delete(scene.server.messages_on_show(scene.ann.id)[0])
        with pytest.raises(TelegramBadRequest, match="message to edit not found"):
            await scene.bot.edit_message_text("two", chat_id=scene.ann.id, message_id=sent.message_id)
        again = await scene.bot.send_message(scene.ann.id, "again")
        with pytest.raises(TelegramBadRequest, match="Bad Request: MESSAGE_TOO_LONG"):
            await scene.bot.edit_message_text("x" * 4097, chat_id=scene.ann.id, message_id=again.message_id)


async def test_messages_are_deleted_within_48_hours_only() -> None:
    async with telegram() as scene:
        young, old = [await scene.bot.send_message(scene.ann.id, text) for text in ("young", "old")]
        assert await scene.bot.delete_message(scene.ann.id, young.message_id)
        with pytest.raises(TelegramBadRequest, match="message to delete not found"):
            await scene.bot.delete_message(scene.ann.id, young.message_id)
        scene.server.clock.advance(48 * 3600 + 1)
        with pytest.raises(TelegramBadRequest, match="message can't be deleted for everyone"):
            await scene.bot.delete_message(scene.ann.id, old.message_id)
        assert scene.server.on_show(scene.ann.id) == ["old"]


async def test_deleting_several_passes_over_what_is_gone() -> None:
    async with telegram() as scene:
        sent = [await scene.bot.send_message(scene.ann.id, text) for text in ("a", "b")]
        assert await scene.bot.delete_messages(scene.ann.id, [each.message_id for each in sent] + [12345])
        assert scene.server.on_show(scene.ann.id) == []
        assert len(scene.server.log.of("deleted")) == 2


async def test_who_blocked_the_bot_or_left_telegram_is_not_reached() -> None:
    async with telegram() as scene:
        scene.ann.block()
        with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was blocked by the user"):
            await scene.bot.send_message(scene.ann.id, "hello?")
        scene.ann.unblock()
        await scene.bot.send_message(scene.ann.id, "hello!")
        scene.ann.deactivate()
        with pytest.raises(TelegramForbiddenError, match="Forbidden: user is deactivated"):
            await scene.bot.send_message(scene.ann.id, "hello?")
        updates = await scene.drain()
        standings = [each["my_chat_member"]["new_chat_member"]["status"] for each in updates]
        assert standings == ["kicked", "member"]


async def test_strangers_are_not_found_and_people_met_in_a_group_cannot_be_written_first() -> None:
    async with telegram() as scene:
        bob = scene.server.add_user("Bob")
        with pytest.raises(TelegramBadRequest, match="Bad Request: chat not found"):
            await scene.bot.send_message(bob.id, "hi")
        scene.server.add_group("Team", bob, bots=[scene.account])
        with pytest.raises(TelegramForbiddenError, match="bot can't initiate conversation with a user"):
            await scene.bot.send_message(bob.id, "hi")
        bob.start()
        await scene.bot.send_message(bob.id, "hi")


async def test_unknown_and_revoked_tokens_are_unauthorized() -> None:
    async with telegram() as scene:
        stranger = client(scene.server, "1:none")
        with pytest.raises(TelegramUnauthorizedError):
            await stranger.get_me()
        await stranger.session.close()
        assert (await scene.bot.get_me()).username == scene.account.username
        scene.account.revoked = True
        with pytest.raises(TelegramUnauthorizedError, match=r"Unauthorized$"):
            await scene.bot.get_me()


async def test_typing_is_seen_and_other_actions_must_exist() -> None:
    async with telegram() as scene:
        assert await scene.bot.send_chat_action(scene.ann.id, "typing")
        assert [(seen.what, seen.text) for seen in scene.server.log] == [("typing", "typing")]
        with pytest.raises(TelegramBadRequest, match="wrong parameter action in request"):
            await scene.bot.send_chat_action(scene.ann.id, "dancing")

"""Groups, topics, privacy, presses, drafts, files and menus, through the real aiogram."""

import pytest
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramMigrateToChat
from aiogram.types import BotCommand, BotCommandScopeChat, InlineKeyboardButton, InlineKeyboardMarkup

from tests.contract.telegram_scene import Scene, telegram

YES_NO = InlineKeyboardMarkup(
    inline_keyboard=[[InlineKeyboardButton(text="Yes", callback_data="y"), InlineKeyboardButton(text="No", callback_data="n")]]
)


async def heard(scene: Scene) -> list[str]:
    return [each["message"].get("text", "?") for each in await scene.drain() if "message" in each]


async def test_with_privacy_on_a_bot_hears_only_what_is_meant_for_it() -> None:
    async with telegram() as scene:
        group = scene.server.add_group("Team", scene.ann, bots=[scene.account], supergroup=True)
        sent = await scene.bot.send_message(group.id, "at your service")
        name = scene.account.username
        for text in ("hello all", "/help", f"/help@{name}", "/help@other_bot", f"you there, @{name}?", "mail a@b.org"):
            scene.ann.say(text, to=group)
        scene.ann.say("a reply", to=group, reply_to=sent.message_id)
        assert await heard(scene) == ["/help", f"/help@{name}", f"you there, @{name}?", "a reply"]
        group.promote(scene.account)
        scene.ann.say("hello all", to=group)
        assert await heard(scene) == ["hello all"]


async def test_a_command_without_a_name_goes_to_the_bot_that_spoke_last() -> None:
    async with telegram() as scene:
        other = scene.server.add_bot("Other")
        group = scene.server.add_group("Team", scene.ann, bots=[scene.account, other])
        await scene.bot.send_message(group.id, "me last")
        scene.ann.say("/help", to=group)
        assert [scene.server.pending_updates(bot) for bot in (scene.account, other)] == [1, 0]


async def test_a_migrated_group_names_its_new_id() -> None:
    async with telegram() as scene:
        group = scene.server.add_group("Team", scene.ann, bots=[scene.account])
        old = group.id
        sent = await scene.bot.send_message(old, "before")
        group.migrate()
        notices = [each["message"] for each in await scene.drain()]
        assert [
            (notice["chat"]["id"], notice.get("migrate_to_chat_id"), notice.get("migrate_from_chat_id")) for notice in notices
        ] == [
            (old, group.id, None),
            (group.id, None, old),
        ]
        with pytest.raises(TelegramMigrateToChat) as refused:
            await scene.bot.send_message(old, "after")
        assert refused.value.migrate_to_chat_id == group.id
        with pytest.raises(TelegramMigrateToChat):
            await scene.bot.edit_message_text("after", chat_id=old, message_id=sent.message_id)
        await scene.bot.send_message(group.id, "after")


async def test_a_bot_put_out_of_a_group_may_not_write_there() -> None:
    async with telegram() as scene:
        group = scene.server.add_group("Team", scene.ann)
        group.add_bot(scene.account)
        group.remove_bot(scene.account)
        standings = [
            each["my_chat_member"]["new_chat_member"]["status"] for each in await scene.drain() if "my_chat_member" in each
        ]
        assert standings == ["member", "kicked"]
        with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was kicked from the group chat"):
            await scene.bot.send_message(group.id, "hello?")


async def test_message_ids_run_through_private_chats_and_groups_but_anew_in_each_supergroup() -> None:
    async with telegram() as scene:
        group = scene.server.add_group("Team", scene.ann, bots=[scene.account])
        forum = scene.server.add_group("Forum", scene.ann, bots=[scene.account], forum=True)
        first, second, third = [
            (await scene.bot.send_message(chat, "hi")).message_id for chat in (scene.ann.id, group.id, forum.id)
        ]
        assert (second, third) == (first + 1, 2)


async def test_topics_are_written_to_closed_and_lost() -> None:
    async with telegram() as scene:
        forum = scene.server.add_group("Forum", scene.ann, bots=[scene.account], forum=True)
        topic = forum.open_topic("Orders")
        sent = await scene.bot.send_message(forum.id, "in it", message_thread_id=topic.thread_id)
        assert (sent.is_topic_message, sent.message_thread_id) == (True, topic.thread_id)
        assert sent.reply_to_message is not None
        assert sent.reply_to_message.forum_topic_created is not None  # the implicit reply to the topic's first message
        assert scene.server.on_show(forum.id, topic.thread_id) == ["in it"]
        assert (scene.server.log[0].thread_id, scene.server.log[0].reply_to) == (topic.thread_id, None)  # not shown as a reply
        forum.close_topic(topic)
        with pytest.raises(TelegramBadRequest, match="Bad Request: TOPIC_CLOSED"):
            await scene.bot.send_message(forum.id, "closed?", message_thread_id=topic.thread_id)
        forum.promote(scene.account)
        await scene.bot.send_message(forum.id, "closed!", message_thread_id=topic.thread_id)
        forum.delete_topic(topic)
        for thread_id in (topic.thread_id, 1):
            with pytest.raises(TelegramBadRequest, match="Bad Request: message thread not found"):
                await scene.bot.send_message(forum.id, "gone?", message_thread_id=thread_id)
        with pytest.raises(TelegramBadRequest, match="message to edit not found"):
            await scene.bot.edit_message_text("gone?", chat_id=forum.id, message_id=sent.message_id)


async def test_an_administrator_bot_makes_topics_and_is_told_of_them() -> None:
    async with telegram() as scene:
        forum = scene.server.add_group("Forum", scene.ann, bots=[scene.account], forum=True)
        with pytest.raises(TelegramBadRequest, match="not enough rights to create a topic"):
            await scene.bot.create_forum_topic(forum.id, "Ann")
        forum.promote(scene.account)
        made = await scene.bot.create_forum_topic(forum.id, "Ann")
        await scene.bot.close_forum_topic(forum.id, made.message_thread_id)
        notices = [each["message"] for each in await scene.drain() if "message" in each]
        assert [set(notice) & {"forum_topic_created", "forum_topic_closed"} for notice in notices] == [
            {"forum_topic_created"},
            {"forum_topic_closed"},
        ]
        await scene.bot.delete_forum_topic(forum.id, made.message_thread_id)
        assert await scene.drain() == []


async def test_a_press_is_answered_once_and_in_time() -> None:
    async with telegram() as scene:
        await scene.bot.send_message(scene.ann.id, "sure?", reply_markup=YES_NO)
        message = scene.server.messages_on_show(scene.ann.id)[0]
        press = scene.ann.press(message, "Yes")
        (update,) = await scene.bot.get_updates()
        query = update.callback_query
        assert query is not None
        assert (query.data, query.from_user.id, query.message and query.message.message_id) == (
            "y",
            scene.ann.id,
            message.message_id,
        )
        await scene.bot.answer_callback_query(query.id, "noted")
        assert press.answered
        assert [(seen.what, seen.text) for seen in scene.server.log][1:] == [("callback_answered", "noted")]
        late = scene.ann.press(message, "n")
        scene.server.clock.advance(16)
        for query_id in (late.id, "12345"):
            with pytest.raises(TelegramBadRequest, match="query is too old and response timeout expired or query ID is invalid"):
                await scene.bot.answer_callback_query(query_id)


async def test_a_press_on_a_deleted_message_tells_only_where_it_was() -> None:
    async with telegram() as scene:
        await scene.bot.send_message(scene.ann.id, "sure?", reply_markup=YES_NO)
        message = scene.server.messages_on_show(scene.ann.id)[0]
        scene.ann.delete(message)
        scene.ann.press(message, "y")
        (update,) = await scene.updates()
        assert update["callback_query"]["message"]["date"] == 0


async def test_a_draft_is_seen_for_thirty_seconds_or_until_a_message() -> None:
    async with telegram() as scene:
        assert await scene.bot.send_message_draft(scene.ann.id, 7, text="Let me")
        assert await scene.bot.send_message_draft(scene.ann.id, 7, text="Let me see")
        shown = scene.server.draft_on_show(scene.ann.id)
        assert shown is not None
        assert (shown.draft_id, shown.text) == (7, "Let me see")
        assert scene.server.on_show(scene.ann.id) == []
        scene.server.clock.advance(31)
        assert scene.server.draft_on_show(scene.ann.id) is None
        await scene.bot.send_message_draft(scene.ann.id, 8)  # no text: "Thinking…"
        await scene.bot.send_message(scene.ann.id, "Here")
        assert scene.server.draft_on_show(scene.ann.id) is None
        assert [seen.what for seen in scene.server.log] == ["drafted", "drafted", "drafted", "sent"]


async def test_drafts_are_for_private_chats_and_need_a_number_and_a_bounded_text() -> None:
    async with telegram() as scene:
        group = scene.server.add_group("Team", scene.ann, bots=[scene.account])
        for chat_id, draft_id, text in ((group.id, 7, "x"), (scene.ann.id, 0, "x"), (scene.ann.id, 7, "x" * 4097)):
            with pytest.raises(TelegramBadRequest, match=r"TEXTDRAFT_PEER_INVALID|RANDOM_ID_INVALID|MESSAGE_TOO_LONG"):
                await scene.bot.send_message_draft(chat_id, draft_id, text=text)
        assert not scene.server.log


async def test_the_stop_button_of_a_draft_tells_the_bot() -> None:
    async with telegram() as scene:
        await scene.bot.send_message_draft(scene.ann.id, 7, text="On and on", can_stop=True)
        scene.ann.stop_draft()
        (update,) = await scene.bot.get_updates()
        stopped = update.stopped_message_generation
        assert stopped is not None
        assert (stopped.chat.id, stopped.draft_id) == (scene.ann.id, 7)
        await scene.bot.send_message_draft(scene.ann.id, 7, text="On and on and on", can_stop=True)
        assert scene.server.draft_on_show(scene.ann.id) is None
        assert scene.server.drafts_after_stop == 1


async def test_a_stopped_draft_stays_a_while_if_the_bot_wished_so() -> None:
    async with telegram() as scene:
        await scene.bot.send_message_draft(scene.ann.id, 7, text="So far", can_stop=True, keep_on_stop=True)
        scene.ann.stop_draft()
        assert scene.server.draft_on_show(scene.ann.id) is not None
        await scene.bot.send_message(scene.ann.id, "So far")
        assert scene.server.draft_on_show(scene.ann.id) is None


async def test_a_bot_put_out_of_a_group_hears_no_presses_there() -> None:
    async with telegram() as scene:
        group = scene.server.add_group("Team", scene.ann, bots=[scene.account])
        await scene.bot.send_message(group.id, "sure?", reply_markup=YES_NO)
        group.remove_bot(scene.account)
        await scene.drain()
        scene.ann.press(scene.server.messages_on_show(group.id)[0], "y")
        assert await scene.drain() == []


async def test_files_are_fetched_by_their_link_for_an_hour() -> None:
    async with telegram() as scene:
        scene.ann.send_document(b"%PDF-1.4 ...", "bill.pdf")
        scene.ann.send_photo(size=21 << 20)
        small, big = await scene.bot.get_updates()
        assert small.message is not None
        assert small.message.document is not None
        file = await scene.bot.get_file(small.message.document.file_id)
        assert file.file_path is not None
        fetched = await scene.bot.download_file(file.file_path)
        assert fetched is not None
        assert fetched.read() == b"%PDF-1.4 ..."
        assert big.message is not None
        assert big.message.photo is not None
        with pytest.raises(TelegramBadRequest, match="file is too big"):
            await scene.bot.get_file(big.message.photo[-1].file_id)
        with pytest.raises(TelegramBadRequest, match="invalid file_id"):
            await scene.bot.get_file("nothing")


async def test_menus_are_kept_by_scope_and_their_words_are_checked() -> None:
    async with telegram() as scene:
        here = BotCommandScopeChat(chat_id=scene.ann.id)
        await scene.bot.set_my_commands([BotCommand(command="help", description="What I can do")])
        await scene.bot.set_my_commands([BotCommand(command="/stop", description="Be quiet")], scope=here)
        assert [each.command for each in await scene.bot.get_my_commands()] == ["help"]
        assert [each.command for each in await scene.bot.get_my_commands(scope=here)] == ["stop"]
        await scene.bot.delete_my_commands(scope=here)
        assert await scene.bot.get_my_commands(scope=here) == []
        for name, description, words in (
            ("Help", "x", "BOT_COMMAND_INVALID"),
            ("he-lp", "x", "BOT_COMMAND_INVALID"),
            ("x" * 33, "x", "command length must not exceed 32"),
            ("help", " ", "command description must be non-empty"),
            ("help", "x" * 257, "command description length must not exceed 256"),
        ):
            with pytest.raises(TelegramBadRequest, match=words):
                await scene.bot.set_my_commands([BotCommand(command=name, description=description)])
        with pytest.raises(TelegramBadRequest, match="chat not found"):
            await scene.bot.set_my_commands([], scope=BotCommandScopeChat(chat_id=1))


async def test_chats_and_members_are_described() -> None:
    async with telegram() as scene:
        forum = scene.server.add_group("Forum", scene.ann, admins=[scene.account], forum=True)
        assert (await scene.bot.get_chat(forum.id)).is_forum
        assert (await scene.bot.get_chat(scene.ann.id)).first_name == "Ann"
        statuses = [member.status for member in await scene.bot.get_chat_administrators(forum.id)]
        assert statuses == ["creator", "administrator"]
        assert (await scene.bot.get_chat_member(forum.id, scene.account.id)).status == "administrator"
        assert await scene.bot.leave_chat(forum.id)
        with pytest.raises(TelegramForbiddenError, match="bot is not a member of the supergroup chat"):
            await scene.bot.send_message(forum.id, "hello?")

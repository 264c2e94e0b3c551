"""Customers on Telegram, from the real aiogram to the record and back: private chats, groups, topics, buttons, webhooks."""

import asyncio
import socket
from pathlib import Path

import pytest

from bot.conversation import telling
from tests.command_words import help_text
from tests.e2e.channels import BUTTONS, PATIENCE_S, Street, street

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_answer_is_streamed_as_a_draft_and_then_sent_with_buttons(shop: Street) -> None:
    ann, gate = shop.telegram.add_user("Ann"), asyncio.Event()
    shop.node.behaviour.gate, shop.node.behaviour.gate_after = gate, 3
    ann.say("one two three four five")
    await shop.telegram.wait_until(lambda: shop.telegram.draft_on_show(ann.id), PATIENCE_S)
    assert shop.telegram.on_show(ann.id) == []
    gate.set()
    sent = await shop.telegram.seen("You said: one two three four five", ann.id, PATIENCE_S)
    assert (sent.what, [len(row) for row in sent.buttons]) == ("sent", [BUTTONS])
    assert shop.telegram.broken_limits == 0


async def test_markdown_of_the_model_becomes_entities(shop: Street) -> None:
    ann = shop.telegram.add_user("Ann")
    shop.node.behaviour.script = lambda _: "**bold** and `code`\n\n```py\nx = 1\n```"
    ann.say("show me")
    sent = await shop.telegram.seen("bold and code\n\nx = 1", ann.id, PATIENCE_S)
    assert [entity["type"] for entity in sent.entities] == ["bold", "code", "pre"]


async def test_a_long_answer_comes_in_parts_and_only_the_last_has_buttons(shop: Street) -> None:
    ann = shop.telegram.add_user("Ann")
    shop.node.behaviour.script = lambda _: "\n\n".join(f"{letter} " * 1500 for letter in "abc")
    ann.say("tell me all")
    await shop.telegram.wait_until(lambda: len(shop.telegram.on_show(ann.id)) == 3, PATIENCE_S)
    assert [text[0] for text in shop.telegram.on_show(ann.id)] == ["a", "b", "c"]
    sent = [seen for seen in shop.telegram.log if seen.what == "sent" and seen.chat_id == ann.id]
    assert [sum(map(len, one.buttons)) for one in sent] == [0, 0, BUTTONS]


async def test_the_platforms_own_stop_button_keeps_what_was_shown(shop: Street) -> None:
    ann, gate = shop.telegram.add_user("Ann"), asyncio.Event()
    shop.node.behaviour.gate, shop.node.behaviour.gate_after = gate, 4
    aborted = shop.node.aborted
    ann.say("one two three four five")
    await shop.telegram.wait_until(lambda: shop.telegram.draft_on_show(ann.id), PATIENCE_S)
    ann.stop_draft()
    await shop.telegram.wait_until(lambda: shop.telegram.on_show(ann.id), PATIENCE_S)
    await shop.until(lambda: shop.node.aborted > aborted)
    (shown,) = shop.telegram.on_show(ann.id)
    assert "You said: one two three four five".startswith(shown)
    assert shop.rows("SELECT state FROM turn WHERE role = 'bot'", ann.id) == [("stopped",)]


async def test_the_buttons_rate_and_lead_to_a_person(shop: Street) -> None:
    ann = shop.telegram.add_user("Ann")
    ann.say("hello")
    await shop.telegram.seen("You said: hello", ann.id, PATIENCE_S)
    (answer,) = shop.telegram.messages_on_show(ann.id)
    rating = ann.press(answer, "\N{THUMBS UP SIGN}")
    await shop.telegram.wait_until(lambda: rating.answered, PATIENCE_S)
    ann.press(answer, "Talk to a person")
    await shop.telegram.seen("Call 555 0100", ann.id, PATIENCE_S)
    said = [seen.text for seen in shop.telegram.log if seen.what == "callback_answered" and seen.chat_id == ann.id]
    assert said[0] == telling.THANKS
    assert shop.rows("SELECT value FROM rating", ann.id) == [(1,)]


async def test_in_a_group_only_those_who_mean_the_bot_are_answered_and_by_a_reply(shop: Street) -> None:
    ann, bob = shop.telegram.add_user("Ann"), shop.telegram.add_user("Bob")
    group = shop.telegram.add_group("Team", ann, bob, bots=[shop.bot])
    bob.say("lovely weather", to=group)
    asked = ann.say(f"@{shop.bot.username} what is it?", to=group)
    sent = await shop.telegram.seen("You said: what is it?", group.id, PATIENCE_S)
    ann.say(f"/help@{shop.bot.username}", to=group)
    await shop.telegram.seen(help_text("telegram"), group.id, PATIENCE_S)
    assert sent.reply_to == asked.message_id
    assert "lovely weather" not in str(list(shop.node.prompts))


async def test_topics_are_conversations_of_their_own(shop: Street) -> None:
    ann = shop.telegram.add_user("Ann")
    forum = shop.telegram.add_group("Forum", ann, bots=[shop.bot], forum=True)
    for name in ("red", "blue"):
        topic = forum.open_topic(name)
        ann.say(f"@{shop.bot.username} {name}", to=forum, topic=topic)
        sent = await shop.telegram.seen(f"You said: {name}", forum.id, PATIENCE_S)
        assert sent.thread_id == topic.thread_id
    assert shop.rows("SELECT count(*) FROM conversation", forum.id) == [(2,)]


async def test_an_album_is_one_question_and_a_picture_alone_gets_a_polite_sentence(shop: Street) -> None:
    ann = shop.telegram.add_user("Ann")
    ann.send_album([b"1", b"2", b"3"], caption="which one?")
    await shop.telegram.wait_until(lambda: shop.telegram.on_show(ann.id), PATIENCE_S)
    ann.send_photo(b"4")
    await shop.telegram.seen(telling.UNREADABLE, ann.id, PATIENCE_S)
    assert shop.rows("SELECT text FROM turn WHERE role = 'customer'", ann.id) == [("which one?",), ("",)]
    assert shop.rows("SELECT count(*) FROM attachment", ann.id) == [(4,)]
    assert len(shop.node.prompts) == 1


async def test_a_text_file_without_a_word_is_read_and_answered(shop: Street) -> None:
    ann = shop.telegram.add_user("Ann")
    shop.node.behaviour.script = lambda messages: "Late!" if "order 4711 is late" in messages[-1]["content"] else "?"
    ann.send_document("My order 4711 is late.".encode("utf-16"), "letter.txt", mime="text/plain")
    await shop.telegram.seen("Late!", ann.id, PATIENCE_S)
    assert shop.telegram.on_show(ann.id) == ["Late!"]
    assert "letter.txt" in shop.node.prompts[-1][-1]["content"]
    assert shop.rows("SELECT text FROM attachment", ann.id) == [("My order 4711 is late.",)]


async def test_an_edit_before_the_answer_is_what_is_answered(shop: Street) -> None:
    ann, gate = shop.telegram.add_user("Ann"), asyncio.Event()
    shop.node.behaviour.gate = gate
    aborted = shop.node.aborted
    said = ann.say("whta")
    await shop.until(lambda: shop.node.prompts)
    ann.edit(said, "what?")
    await shop.until(lambda: shop.node.aborted > aborted)
    gate.set()
    await shop.telegram.seen("You said: what?", ann.id, PATIENCE_S)
    assert shop.telegram.on_show(ann.id) == ["You said: what?"]


@pytest.mark.parametrize("arrives", [False, True])
async def test_a_group_that_becomes_a_supergroup_goes_on_there(shop: Street, arrives: bool) -> None:
    ann, gate = shop.telegram.add_user("Ann"), asyncio.Event()
    group = shop.telegram.add_group("Team", ann, bots=[shop.bot])
    shop.node.behaviour.gate = gate
    ann.say(f"@{shop.bot.username} are you there?", to=group)
    await shop.until(lambda: shop.node.prompts)
    fresh = group.migrate(arrives=arrives)
    gate.set()
    await shop.telegram.seen("You said: are you there?", fresh.id, PATIENCE_S)
    ann.say(f"@{shop.bot.username} still there?", to=group)
    await shop.telegram.seen("You said: still there?", fresh.id, PATIENCE_S)
    assert shop.rows("SELECT count(*), last_seq FROM conversation", fresh.id) == [(1, 4)]


async def test_whoever_blocks_the_bot_in_mid_answer_delays_nobody(shop: Street) -> None:
    ann, bob, gate = shop.telegram.add_user("Ann"), shop.telegram.add_user("Bob"), asyncio.Event()
    shop.node.behaviour.gate = gate
    ann.say("hello")
    await shop.until(lambda: shop.node.prompts)
    ann.block()
    gate.set()
    bob.say("hi")
    await shop.telegram.seen("You said: hi", bob.id, PATIENCE_S)
    assert shop.telegram.on_show(ann.id) == []
    await shop.until(lambda: shop.rows("SELECT count(*) FROM conversation WHERE due_at IS NOT NULL", ann.id) == [(0,)])


async def test_updates_come_by_webhook_where_that_is_set_and_nothing_pending_is_dropped(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with street(tmp_path) as shop:
        ann = shop.telegram.add_user("Ann")
        shop.write(telegram=f"mode = 'webhook'\nwebhook_url = 'http://127.0.0.1:{port}'", port=port)
        ann.say("before you came")
        async with shop.open():
            await shop.telegram.seen("You said: before you came", ann.id, PATIENCE_S)
            ann.say("and now")
            await shop.telegram.seen("You said: and now", ann.id, PATIENCE_S)
        assert shop.telegram.calls["getUpdates"] == 0
        shop.write()
        ann.say("back to polling")
        async with shop.open():
            await shop.telegram.seen("You said: back to polling", ann.id, PATIENCE_S)

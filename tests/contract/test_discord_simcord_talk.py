"""What people write in simcord's Discord, as our account hears it and answers: places, threads, gaps."""

from collections.abc import AsyncIterator
from dataclasses import replace

import discord
import pytest

from bot.errors import MessageGone, RecipientGone, RetryLater
from bot.events import ChannelAddress, MessageDeleted, MessageEdited, MessageReceived, Undecodable
from tests.contract.simcord_rig import Town, at, opened, words


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with opened() as made:
        yield made
        assert made.book.of_kind(Undecodable) == []


# hearing


async def test_a_direct_message_is_heard_with_its_edit_and_its_deletion(town: Town) -> None:
    anna, place = town.anna.user, at(town.anna.user.dm_channel.id)
    message = await anna.send_dm("where is my ordre?")
    await anna.edit(message, "where is my order?")
    await anna.delete(message)
    await town.settled()
    (said,), (edited,) = town.book.of_kind(MessageReceived), town.book.of_kind(MessageEdited)
    (deleted,) = town.book.of_kind(MessageDeleted)
    assert (said.address, said.text, said.author.name, said.at) == (place, "where is my ordre?", "anna", town.env.now())
    assert (edited.address, edited.text, edited.platform_id) == (place, "where is my order?", said.platform_id)
    assert (deleted.address, deleted.platform_id) == (place, said.platform_id)


async def test_a_mention_begins_a_thread_whose_place_is_known_before_it_exists(town: Town) -> None:
    event = await town.ask()
    assert event.address == at(int(event.platform_id), town.help.id)
    assert (event.text, event.author.name) == ("where is my order?", "Anna")


async def test_what_is_not_for_the_bot_is_passed_by_with_its_reason(town: Town) -> None:
    other = town.guild.add_member(town.env.create_user("another bot", bot=True))
    hook = town.guild.create_webhook(town.help)
    await town.anna.send(town.help, "talking to nobody")
    await other.send(town.help, f"{town.mention} from a bot")
    await hook.send(f"{town.mention} from a webhook")
    await town.account.channel.send(words(at(town.help.id), f"{town.mention} from ourselves"))
    await town.settled()
    assert town.book.kept == {}
    assert town.book.reasons == ["not_addressed", "bot", "webhook", "own"]


async def test_an_answer_to_the_bot_and_a_file_are_heard(town: Town) -> None:
    await town.account.channel.send(words(at(town.help.id), "on its way"))
    await town.anna.send(town.help, "when?", reply_to=town.last(), attachments=[("a.png", b"abc")])
    await town.settled()
    (answer,) = town.book.of_kind(MessageReceived)
    assert (answer.text, answer.address) == ("when?", at(town.help.id))
    assert [(one.kind, one.name, one.size) for one in answer.attachments] == [("photo", "a.png", 3)]


async def test_a_thread_in_which_the_bot_takes_part_needs_no_mention(town: Town) -> None:
    event = await town.ask()
    await town.account.channel.send(words(event.address, "on its way"))
    await town.anna.send(town.place(event.address.chat_id), "when?")
    await town.settled()
    said = town.book.of_kind(MessageReceived)[-1]
    assert (said.text, said.address) == ("when?", event.address)


async def test_without_the_right_to_open_threads_the_channel_is_the_conversation(town: Town) -> None:
    await town.deny("create_public_threads")
    assert (await town.ask()).address == at(town.help.id)


async def test_what_was_said_while_the_session_was_away_is_read_from_history_in_order(town: Town) -> None:
    event = await town.ask()
    await town.account.channel.send(words(event.address, "on its way"))
    dm = town.anna.user.dm_channel
    await town.anna.user.send_dm("hello")
    await town.settled()
    shard = town.client.get_shard(0)
    assert shard is not None
    await shard.disconnect()
    for number in range(3):
        await town.anna.user.send_dm(f"in private {number}")
        await town.anna.send(town.place(event.address.chat_id), f"in the thread {number}")
    assert town.book.texts == ["where is my order?", "hello"]
    await shard.reconnect()
    await town.stored(8)
    missed = town.book.of_kind(MessageReceived)[2:]
    for place, said in ((at(dm.id), "in private"), (event.address, "in the thread")):
        assert [one.text for one in missed if one.address == place] == [f"{said} {number}" for number in range(3)]
    assert town.book.repeats == 0


# threads


async def test_the_first_thing_shown_opens_the_thread_and_everything_else_goes_into_it(town: Town) -> None:
    event = await town.ask()
    message = words(event.address, "on", reply_to=event.platform_id)
    await town.account.channel.typing(event.address)
    platform_id = await town.account.channel.send(message)
    await town.account.channel.edit(replace(message, text="on its way"), platform_id)
    (thread,) = town.help.threads
    assert (thread.name, town.shown(event.address.chat_id)) == ("where is my order?", ["on its way"])
    assert town.asked("POST", "/threads") == 1
    assert await town.account.channel.find_sent(message, town.env.now()) == platform_id


async def test_where_the_thread_may_not_be_opened_the_answer_stands_below_the_question(town: Town) -> None:
    event = await town.ask()
    await town.deny("create_public_threads")
    message = words(event.address, "on")
    platform_id = await town.account.channel.send(message)
    await town.account.channel.edit(replace(message, text="on its way"), platform_id)
    sent = town.last()
    assert sent.reference is not None
    assert (platform_id, sent.content) == (f"{town.help.id}/{sent.id}", "on its way")
    assert sent.reference.message_id == int(event.platform_id)
    assert await town.account.channel.find_sent(message, town.env.now()) == platform_id
    await town.account.channel.delete(message, platform_id)
    assert len(town.help.history()) == 1


async def test_a_question_that_was_deleted_before_its_thread_began_has_nobody_to_answer(town: Town) -> None:
    event = await town.ask()
    (asked,) = town.help.history()
    await town.anna.delete(asked)
    with pytest.raises(RecipientGone):
        await town.account.channel.send(words(event.address, "on its way"))


async def test_a_thread_in_which_the_bot_may_not_speak_is_gone(town: Town) -> None:
    event = await town.ask()
    message = words(event.address, "on its way")
    platform_id = await town.account.channel.send(message)
    await town.deny("send_messages_in_threads")
    with pytest.raises(RecipientGone):
        await town.account.channel.send(words(event.address, "more"))
    await town.thread(event.address.chat_id).get_partial_message(int(platform_id)).delete()
    with pytest.raises(MessageGone):
        await town.account.channel.edit(replace(message, text="too late"), platform_id)


async def test_a_thread_that_sleeps_is_woken_and_the_edit_is_asked_for_again(town: Town) -> None:
    event = await town.ask()
    message = words(event.address, "on")
    platform_id = await town.account.channel.send(message)
    await town.thread(event.address.chat_id).edit(archived=True)
    town.env.inject_error("PATCH", "/channels/*/messages/*", status=400, code=50083)  # simcord lets one write into archives
    with pytest.raises(RetryLater) as raised:
        await town.account.channel.edit(replace(message, text="on its way"), platform_id)
    await town.settled()
    assert (raised.value.after_s, town.thread(event.address.chat_id).archived) == (0.0, False)
    await town.account.channel.edit(replace(message, text="on its way"), platform_id)
    assert town.shown(event.address.chat_id) == ["on its way"]


async def test_a_post_of_the_staff_forum_is_a_place_of_its_own(town: Town) -> None:
    forum = town.guild.create_forum_channel("tickets")
    channel = town.env.bot.get_channel(forum.id)
    assert isinstance(channel, discord.ForumChannel)
    made = await channel.create_thread(name="Ticket 1", content="It broke.")
    await town.account.channel.send(words(ChannelAddress("discord", "main", str(made.thread.id), str(forum.id)), "seen"))
    (post,) = forum.threads
    await town.anna.send(post, "mine too")
    await town.settled()
    assert [message.content for message in post.history()] == ["It broke.", "seen", "mine too"]
    assert [(one.text, one.address) for one in town.book.of_kind(MessageReceived)] == [("mine too", at(post.id, forum.id))]

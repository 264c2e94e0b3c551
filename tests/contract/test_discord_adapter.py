"""The Discord adapter against the stand-in, over real sockets: what arrives is stored once, in order, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.events import Departed, MessageDeleted, MessageEdited, MessageReceived, Undecodable
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from tests.discord_book import Book, Shop, account_of, running, told
from tests.discord_server import EVERYONE, DiscordServer, Limits, Permission


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(Limits(identify_interval=0.0)) as made:
        yield made


async def test_direct_messages_are_stored_in_order_with_author_and_cursor(server: DiscordServer, shop: Shop, book: Book) -> None:
    dm = shop.anna.dm(shop.bot)
    async with running(server, shop.bot, book):
        said = [shop.anna.say(dm, f"question {number}") for number in range(30)]
        await server.wait_until(lambda: len(book.texts) == 30)
    assert book.texts == [f"question {number}" for number in range(30)]
    (first, *_) = book.of_kind(MessageReceived)
    assert (first.address.chat_id, first.address.thread_id) == (str(dm.id), "")
    assert (first.author.user_id, first.author.name, first.platform_id) == (str(shop.anna.id), "Anna", str(said[0].id))
    assert book.cursors == {str(dm.id): str(said[-1].id)}


async def test_a_mention_opens_a_conversation_in_a_thread_and_the_rest_of_the_channel_is_left_alone(
    server: DiscordServer, shop: Shop, book: Book
) -> None:
    async with running(server, shop.bot, book):
        shop.anna.say(shop.help, "hello everybody")
        asked = shop.anna.say(shop.help, f"{shop.bot.mention} where is my order?")
        await server.wait_until(lambda: book.texts)
    (message,) = book.of_kind(MessageReceived)
    assert message.text == "where is my order?"
    assert (message.address.chat_id, message.address.thread_id) == (str(asked.id), str(shop.help.id))
    assert book.cursors == {str(shop.help.id): str(asked.id), str(asked.id): str(asked.id)}
    assert "not_addressed" in book.reasons


async def test_where_no_threads_may_be_opened_the_conversation_is_the_channels(server: DiscordServer, book: Book) -> None:
    shop = Shop(server, permissions=EVERYONE & ~Permission.CREATE_PUBLIC_THREADS)
    async with running(server, shop.bot, book):
        shop.anna.say(shop.help, f"{shop.bot.mention} where is my order?")
        await server.wait_until(lambda: book.texts)
    assert book.of_kind(MessageReceived)[0].address.chat_id == str(shop.help.id)


async def test_in_a_thread_where_it_takes_part_the_bot_hears_all_that_is_not_said_to_another(
    server: DiscordServer, shop: Shop, book: Book
) -> None:
    thread = shop.anna.start_thread("my order", place=shop.help)
    async with running(server, shop.bot, book):
        shop.anna.say(thread, "not yet")
        shop.anna.say(thread, f"{shop.bot.mention} now")
        shop.anna.say(thread, "and this")
        shop.anna.say(thread, f"{shop.bert.mention} not this")
        shop.bert.say(thread, "but this")
        await server.wait_until(lambda: "but this" in book.texts)
    assert book.texts == ["now", "and this", "but this"]
    assert {one.address.thread_id for one in book.of_kind(MessageReceived)} == {str(shop.help.id)}


async def test_an_edit_and_a_deletion_name_the_address_of_their_message(server: DiscordServer, shop: Shop, book: Book) -> None:
    async with running(server, shop.bot, book):
        asked = shop.anna.say(shop.help, f"{shop.bot.mention} wher is it?")
        shop.anna.edit(asked, f"{shop.bot.mention} where is it?")
        shop.anna.delete(asked)
        await server.wait_until(lambda: book.of_kind(MessageDeleted))
    (message,), (edited,), (deleted,) = (book.of_kind(kind) for kind in (MessageReceived, MessageEdited, MessageDeleted))
    assert edited.text == "where is it?"
    assert message.address == edited.address == deleted.address
    assert message.platform_id == edited.platform_id == deleted.platform_id


async def test_an_event_that_the_gateway_repeats_is_the_same_update(server: DiscordServer, shop: Shop, book: Book) -> None:
    dm = shop.anna.dm(shop.bot)
    server.gateway.repeat_next(shop.bot)
    async with running(server, shop.bot, book):
        shop.anna.say(dm, "once")
        await server.wait_until(lambda: book.repeats)
    assert book.texts == ["once"]


async def test_a_wrong_token_is_said_once_and_nothing_is_asked_for_a_minute(server: DiscordServer, book: Book) -> None:
    bot = server.application("right")
    with told(server) as events:
        account = account_of(server, bot, book, token="wrong")
        task = asyncio.create_task(account.run())
        await server.wait_until(lambda: "discord.token_refused" in events)
        task.cancel()
        await asyncio.wait({task})
    await account.close()
    assert events.count("discord.token_refused") == 1
    assert server.calls["GET", "/users/@me"] == 1


async def test_without_the_privileged_intent_the_bot_says_what_to_switch_on_and_hears_what_it_may(
    server: DiscordServer, book: Book
) -> None:
    bot, anna = server.application("token", message_content=False), server.person("anna")
    dm = anna.dm(bot)
    with told(server) as events:
        async with running(server, bot, book):
            await server.wait_until(lambda: "discord.intent_missing" in events and server.gateway.connected(bot))
            anna.say(dm, "can you hear me?")
            await server.wait_until(lambda: book.texts)
    assert book.texts == ["can you hear me?"]
    assert events.count("discord.intent_missing") == 1


async def test_a_channel_that_is_deleted_and_a_server_that_puts_the_bot_out_are_departures(
    server: DiscordServer, shop: Shop, book: Book
) -> None:
    other = server.world.text_channel(shop.guild, "other")
    async with running(server, shop.bot, book):
        for place in (shop.help, other):
            shop.anna.say(place, f"{shop.bot.mention} hello")
        await server.wait_until(lambda: len(book.texts) == 2)
        server.threads.remove(other, shop.guild.owner_id, bot=None)
        await server.wait_until(lambda: book.of_kind(Departed))
        server.world.expel(shop.guild, shop.bot)
        await server.wait_until(lambda: len(book.of_kind(Departed)) > 1)
    assert [one.address.chat_id for one in book.of_kind(Departed)] == [str(other.id), str(shop.help.id)]


async def test_an_update_that_cannot_be_read_is_kept_and_holds_up_nothing(server: DiscordServer, shop: Shop, book: Book) -> None:
    dm = shop.anna.dm(shop.bot)
    async with running(server, shop.bot, book) as account:
        account._gateway._heard('{"op":0,"t":"MESSAGE_CREATE","s":1,"d":{"id":5}}')
        shop.anna.say(dm, "hello")
        await server.wait_until(lambda: book.texts and len(book.kept) == 2)
    assert [one.event for one in book.kept.values() if not one.key.startswith("m")] == [Undecodable("shape")]


async def test_answers_name_their_question_where_several_people_talk(server: DiscordServer, shop: Shop, book: Book) -> None:
    theirs = shop.anna.start_thread("my order", place=shop.help)
    async with running(server, shop.bot, book) as account:
        asked = shop.anna.say(shop.help, f"{shop.bot.mention} hello")
        shop.anna.say(theirs, f"{shop.bot.mention} hello")
        shop.anna.say(shop.anna.dm(shop.bot), "hello")
        await server.wait_until(lambda: len(book.texts) == 3)
        own, other, direct = (one.address for one in book.of_kind(MessageReceived))
        await account.channel.send(OutboundMessage(new_id(), own, "hi"))
        await server.wait_until(lambda: account.channel.habits(own).preview and asked.thread)
        here = replace(own, chat_id=str(shop.help.id), thread_id="")
        assert [account.channel.habits(at).replies for at in (here, own, other, direct)] == [True, False, True, False]

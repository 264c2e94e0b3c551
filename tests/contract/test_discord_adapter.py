"""The Discord adapter against the stand-in, over real sockets: what arrives is stored once, in order, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.events import Departed, MessageDeleted, MessageEdited, MessageReceived, Undecodable
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from tests.discord_book import Book, account_of, running, told
from tests.discord_server import EVERYONE, READ_MESSAGES, Application, Channel, DiscordServer, Fault, Limits, Permission, Person


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(Limits(identify_interval=0.0)) as made:
        yield made


@pytest.fixture
def book(server: DiscordServer) -> Book:
    return Book(server.touch)


class Shop:
    """A guild with a text channel, a forum, two people and the bot."""

    def __init__(self, server: DiscordServer, *, permissions: int = EVERYONE) -> None:
        self.bot: Application = server.application("token-of-the-shop")
        self.guild = server.world.guild("Shop", permissions=permissions)
        server.world.invite(self.guild, self.bot)
        self.anna: Person = server.person("anna")
        self.bert: Person = server.person("bert")
        for person in (self.anna, self.bert):
            person.join(self.guild)
        self.help: Channel = server.world.text_channel(self.guild, "help")
        self.forum: Channel = server.world.forum(self.guild, "tickets")


@pytest.fixture
def shop(server: DiscordServer) -> Shop:
    return Shop(server)


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


async def test_what_was_written_while_nothing_ran_is_read_from_history_once_and_in_order(
    server: DiscordServer, shop: Shop, book: Book
) -> None:
    dm = shop.anna.dm(shop.bot)
    async with running(server, shop.bot, book):
        shop.anna.say(dm, "before")
        shop.anna.say(shop.help, f"{shop.bot.mention} in the channel")
        await server.wait_until(lambda: len(book.texts) == 2)
    for number in range(130):
        shop.anna.say(dm, f"meanwhile {number}")
    shop.bert.say(shop.help, f"{shop.bot.mention} me too")
    async with running(server, shop.bot, book):
        shop.anna.say(dm, "after")
        await server.wait_until(lambda: len(book.texts) == 134)
    direct = [one.text for one in book.of_kind(MessageReceived) if one.address.chat_id == str(dm.id)]
    assert direct == ["before", *(f"meanwhile {number}" for number in range(130)), "after"]
    assert "me too" in book.texts


async def test_a_store_that_is_away_delays_and_loses_nothing(server: DiscordServer, shop: Shop, book: Book) -> None:
    dm = shop.anna.dm(shop.bot)
    async with running(server, shop.bot, book):
        book.away = True
        for number in range(20):
            shop.anna.say(dm, f"question {number}")
        await server.wait_until(lambda: book.refused > 2)
        assert book.texts == []
        book.away = False
        await server.wait_until(lambda: len(book.texts) == 20)
    assert book.texts == [f"question {number}" for number in range(20)]


@pytest.mark.parametrize("cut", ["kill", "reconnect", "end_sessions", "invalidate"])
async def test_a_lost_connection_costs_no_message_and_no_order(server: DiscordServer, shop: Shop, book: Book, cut: str) -> None:
    dm = shop.anna.dm(shop.bot)
    async with running(server, shop.bot, book) as account:
        shop.anna.say(dm, "before")
        await server.wait_until(lambda: book.texts)
        gaps = account.counts["gaps"]
        getattr(server.gateway, cut)(shop.bot)
        if cut == "end_sessions":
            server.gateway.kill(shop.bot)
        for number in range(5):
            shop.anna.say(dm, f"meanwhile {number}")
        await server.wait_until(lambda: account.counts["gaps"] > gaps and server.gateway.connected(shop.bot), 20)
        shop.anna.say(dm, "after")
        await server.wait_until(lambda: "after" in book.texts, 20)
    assert book.texts == ["before", *(f"meanwhile {number}" for number in range(5)), "after"]


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


async def test_the_thread_of_a_question_bears_its_first_words_and_its_gap_is_closed_too(
    server: DiscordServer, shop: Shop, book: Book
) -> None:
    async with running(server, shop.bot, book) as account:
        asked = shop.anna.say(shop.help, f"{shop.bot.mention} where is my order?")
        await server.wait_until(lambda: book.texts)
        (message,) = book.of_kind(MessageReceived)
        await account.channel.send(OutboundMessage(new_id(), message.address, "which one?"))
    assert asked.thread is not None
    assert asked.thread.name == "where is my order?"
    shop.anna.say(asked.thread, "number 17")
    async with running(server, shop.bot, book):
        await server.wait_until(lambda: "number 17" in book.texts)
    assert {one.address for one in book.of_kind(MessageReceived)} == {message.address}


async def test_what_finds_no_room_while_the_store_is_away_is_read_from_history_in_order(
    server: DiscordServer, shop: Shop, book: Book
) -> None:
    dm, other = shop.anna.dm(shop.bot), shop.bert.dm(shop.bot)
    async with running(server, shop.bot, book) as account:
        account._lane._most = 5
        book.away = True
        for number in range(20):
            shop.anna.say(dm, f"{number}")
        shop.bert.say(other, "a stranger")
        await server.wait_until(lambda: account.counts["overflow"] and book.refused > 2)
        book.away = False
        await server.wait_until(lambda: len(book.texts) == 21, 20)
    assert [text for text in book.texts if text != "a stranger"] == [f"{number}" for number in range(20)]
    assert account.counts["lost"] == 0


async def test_an_update_that_cannot_be_read_is_kept_and_holds_up_nothing(server: DiscordServer, shop: Shop, book: Book) -> None:
    dm = shop.anna.dm(shop.bot)
    async with running(server, shop.bot, book) as account:
        account._gateway._heard('{"op":0,"t":"MESSAGE_CREATE","s":1,"d":{"id":5}}')
        shop.anna.say(dm, "hello")
        await server.wait_until(lambda: book.texts and len(book.kept) == 2)
    assert [one.event for one in book.kept.values() if not one.key.startswith("m")] == [Undecodable("shape")]


async def test_a_place_that_may_not_be_read_any_more_is_dropped_and_the_others_are_read(
    server: DiscordServer, shop: Shop, book: Book
) -> None:
    dm = shop.anna.dm(shop.bot)
    async with running(server, shop.bot, book):
        shop.anna.say(shop.help, f"{shop.bot.mention} hello")
        shop.anna.say(dm, "before")
        await server.wait_until(lambda: len(book.texts) == 2)
    shop.anna.say(dm, "after")
    server.world.overwrite(shop.help, shop.guild, deny=Permission.VIEW_CHANNEL)
    with told(server) as events:
        async with running(server, shop.bot, book):
            await server.wait_until(lambda: "after" in book.texts and "discord.place_dropped" in events)


async def test_limits_of_history_are_kept(server: DiscordServer, shop: Shop, book: Book) -> None:
    dm = shop.anna.dm(shop.bot)
    async with running(server, shop.bot, book):
        shop.anna.say(dm, "before")
        await server.wait_until(lambda: book.texts)
    for number in range(250):
        shop.anna.say(dm, f"{number}")
    server.fail_next(Fault.limited(0.3), *READ_MESSAGES)
    server.fail_next(Fault.error(502), *READ_MESSAGES)
    async with running(server, shop.bot, book):
        await server.wait_until(lambda: len(book.texts) == 251, 20)
    assert server.broken_limits == 0


async def test_a_server_that_comes_back_from_an_outage_is_read_again_and_is_no_departure(
    server: DiscordServer, shop: Shop, book: Book
) -> None:
    async with running(server, shop.bot, book) as account:
        shop.anna.say(shop.help, f"{shop.bot.mention} hello")
        await server.wait_until(lambda: book.texts)
        gaps = account.counts["gaps"]
        server.gateway.lose_next(shop.bot)
        shop.anna.say(shop.help, f"{shop.bot.mention} are you there?")
        for event, unavailable in (("GUILD_DELETE", "true"), ("GUILD_CREATE", "false")):
            account._gateway._heard(f'{{"op":0,"t":"{event}","s":1,"d":{{"id":"{shop.guild.id}","unavailable":{unavailable}}}}}')
        account._places.has_news = lambda *_: True  # the cache of this client has lost the message as well
        await server.wait_until(lambda: len(book.texts) == 2)
        assert account.counts["gaps"] == gaps + 1
    assert book.of_kind(Departed) == []


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

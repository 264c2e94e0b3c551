"""Gaps of the Discord adapter against the stand-in: what nobody heard, or could store, is read from history."""

from collections.abc import AsyncIterator

import pytest

from bot.events import Departed, MessageReceived
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from tests.discord_book import Book, Shop, running, told
from tests.discord_server import READ_MESSAGES, DiscordServer, Fault, Limits, Permission


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(Limits(identify_interval=0.0)) as made:
        yield made


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


async def test_where_only_commands_were_given_before_is_read_after_a_gap_too(
    server: DiscordServer, shop: Shop, book: Book
) -> None:
    dm = shop.anna.dm(shop.bot)
    shop.anna.say(dm, "who are you?")
    async with running(server, shop.bot, book):
        await server.wait_until(lambda: server.calls["PUT", "/applications/{application_id}/commands"])
        for place in (dm, shop.help):
            shop.anna.run(place, "ask", bot=shop.bot, question="where is my order?")
        await server.wait_until(lambda: len(book.texts) == len(book.cursors) == 2)
    shop.anna.say(dm, "and tomorrow?")
    shop.anna.say(shop.help, f"{shop.bot.mention} and today?")
    async with running(server, shop.bot, book):
        await server.wait_until(lambda: len(book.texts) == 4)
    assert set(book.texts) == {"where is my order?", "and tomorrow?", "and today?"}


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

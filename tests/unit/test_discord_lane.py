"""The line in which updates are stored: order, batches, what the store refuses, and its bound."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from adapters.discord.lane import Lane
from bot.events import AccountKey, Author, ChannelAddress, Cursor, MessageReceived, Received, Skipped
from tests.discord_book import KEY, Book
from tests.virtual_time import in_virtual_time

AT, NOW = ChannelAddress("discord", "main", "p"), datetime(2026, 1, 1, tzinfo=UTC)


def message(number: int) -> Received:
    event = MessageReceived(AT, Author("1"), f"{number}", NOW, str(number))
    return Received(AccountKey("discord", "main"), f"m{number}", b"{}", event, Cursor("p", str(number)))


def skipped(number: int) -> Received:
    return Received(KEY, f"m{number}", b"{}", Skipped("not_addressed"), Cursor("p", str(number)))


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_a_hundred_at_a_time_in_order_and_offered_again_until_they_are_stored() -> None:
    async def story() -> None:
        book = Book()
        lane = Lane(KEY, book)
        book.away = True
        for number in range(250):
            assert lane.put(message(number))
        running = asyncio.create_task(lane.run())
        while book.refused < 3:
            await asyncio.sleep(0.01)
        book.away = False
        await lane.settled()
        assert book.texts == [f"{number}" for number in range(250)]
        assert book.batches == [100, 100, 50]
        await stopped(running)

    in_virtual_time(story())


def test_skipped_messages_wait_for_company_and_cost_one_commit() -> None:
    async def story() -> None:
        book = Book()
        lane = Lane(KEY, book)
        running = asyncio.create_task(lane.run())
        began = asyncio.get_running_loop().time()
        for number in range(20):
            lane.put(skipped(number))
            await asyncio.sleep(0.05)
        assert book.batches == []
        while not book.batches:
            await asyncio.sleep(0.05)
        assert 1.5 < asyncio.get_running_loop().time() - began < 2.5
        assert book.batches == [20]
        assert book.cursors == {"p": "19"}
        lane.put(skipped(20))
        lane.put(message(21))  # company that cannot wait
        await lane.settled()
        assert book.batches == [20, 2]
        await stopped(running)

    in_virtual_time(story())


def test_what_a_stopped_line_did_not_store_is_stored_when_it_runs_again() -> None:
    async def story() -> None:
        book = Book()
        lane = Lane(KEY, book)
        book.slow = asyncio.Event()
        lane.put(message(1))
        running = asyncio.create_task(lane.run())
        await asyncio.sleep(1)
        await stopped(running)
        book.slow = None
        running = asyncio.create_task(lane.run())
        await lane.settled()
        assert book.texts == ["1"]
        await stopped(running)

    in_virtual_time(story())


def test_the_line_is_bounded() -> None:
    async def story() -> None:
        lane = Lane(KEY, Book(), most=2)
        assert [lane.put(message(number)) for number in range(3)] == [True, True, False]

    in_virtual_time(story())

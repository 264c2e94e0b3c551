"""The stand-in for Discord as most suites use it; those of the adapter have limits of their own."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.discord_guild import FREE
from tests.discord_book import Book, Shop
from tests.discord_server import DiscordServer


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(FREE) as made:
        yield made


@pytest.fixture
def book(server: DiscordServer) -> Book:
    return Book(server.touch)


@pytest.fixture
def shop(server: DiscordServer) -> Shop:
    return Shop(server)

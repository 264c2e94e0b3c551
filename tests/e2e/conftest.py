"""One Chromium for all browser tests, and a page of the web channel over a desk in memory."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.e2e.browser import online, running_browser, visitor
from tests.web_server import WebDesk


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def desk() -> AsyncIterator[WebDesk]:
    async with WebDesk() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, desk: WebDesk) -> AsyncIterator[Page]:
    async with visitor(browser) as opened:
        await opened.goto(desk.server.url)
        await online(opened)
        yield opened

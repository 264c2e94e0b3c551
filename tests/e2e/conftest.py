"""One Chromium for all browser tests, a page of the web channel over a desk in memory, and the product between both platforms."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.e2e.browser import online, running_browser, visitor
from tests.e2e.channels import Street, street
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    """One instance for all: each test has people of its own."""
    async with street(tmp_path_factory.mktemp("shop")) as made:
        made.write(extra="[workspace]\ncontact = 'Call 555 0100'\n")
        async with made.open():
            yield made


@pytest.fixture
def shop(running: Street) -> Street:
    running.forget()
    return running

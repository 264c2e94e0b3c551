"""The widget on another site's page, in a real Chromium."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, FrameLocator, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.e2e.browser import online, until, visitor, write
from tests.web_desk import silent
from tests.web_server import WebDesk, WebServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SECRET = "shared with the shop"


class Shop:
    """Another site: same machine, another name, so that browsers treat it as a stranger."""

    def __init__(self) -> None:
        self.options = ""
        self.desk_url = ""
        self.server = WebServer(Starlette(routes=[Route("/{page:path}", self.page)]))

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server.port}"

    async def page(self, _request: Request) -> HTMLResponse:
        script = f'<script src="{self.desk_url}/widget.js" {self.options} defer></script>'
        head = "<!doctype html><meta name=viewport content='width=device-width'><link rel=icon href=data:,><title>Shop</title>"
        policy = f"default-src 'none'; img-src data:; script-src {self.desk_url}; frame-src {self.desk_url}"
        return HTMLResponse(f"{head}<h1>Shop</h1>{script}", headers={"Content-Security-Policy": policy})


@asynccontextmanager
async def open_shop(*, listed: bool = True) -> AsyncIterator[tuple[Shop, WebDesk]]:
    shop = Shop()
    await shop.server.start()
    try:
        async with WebDesk(origins=[shop.url] if listed else [], identity_secret=SECRET) as desk:
            shop.desk_url = desk.server.url
            yield shop, desk
    finally:
        await shop.server.stop()


def panel(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


async def open_chat(page: Page) -> FrameLocator:
    await page.get_by_role("button", name="Chat with us").click()
    await online(panel(page))
    return panel(page)


async def test_a_conversation_is_held_on_another_sites_page(browser: Browser) -> None:
    async with open_shop() as (shop, _), visitor(browser) as page:
        await page.goto(shop.url)
        chat = await open_chat(page)
        await expect(chat.get_by_label("Your message")).to_be_focused()
        await page.keyboard.type("hello from the shop")
        await page.keyboard.press("Enter")
        await expect(chat.locator("#log .bubble")).to_have_text(["hello from the shop", "You said: hello from the shop"])


async def test_the_conversation_goes_on_from_page_to_page_where_frames_may_keep_nothing(browser: Browser) -> None:
    async with open_shop() as (shop, desk), visitor(browser) as page:
        await page.add_init_script(
            "if (window !== top) Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied'); } })"
        )
        await page.goto(shop.url)
        await write(await open_chat(page), "hello")
        await expect(panel(page).locator("#log .bubble")).to_have_count(2)
        await page.goto(f"{shop.url}/another-page")
        await expect((await open_chat(page)).locator("#log .bubble")).to_have_text(["hello", "You said: hello"])
        assert len(desk.memory.rooms) == 1


async def test_escape_closes_the_panel_and_gives_the_focus_back(browser: Browser) -> None:
    async with open_shop() as (shop, _), visitor(browser) as page:
        await page.goto(shop.url)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        chat = panel(page)
        await online(chat)
        await expect(page.get_by_role("dialog", name="Chat with us")).to_be_visible()
        await expect(chat.get_by_label("Your message")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        button = page.get_by_role("button", name="Chat with us")
        await expect(button).to_be_focused()
        await expect(button).to_have_attribute("aria-expanded", "false")


async def test_answers_that_come_while_the_panel_is_shut_are_counted(browser: Browser) -> None:
    async with open_shop() as (shop, desk), visitor(browser) as page:
        desk.memory.answerer = silent
        await page.goto(shop.url)
        chat = await open_chat(page)
        await write(chat, "hello")
        await expect(chat.locator("#log .bubble")).to_have_count(1)
        await chat.get_by_role("button", name="Close chat").click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        desk.memory.only_room.add("bot", "one", in_reply_to=1)
        desk.memory.only_room.add("agent", "two")
        await page.get_by_role("button", name="Chat with us, 2 new messages").click()
        await expect(page.get_by_role("button", name="Close chat", exact=True).first).to_be_visible()
        await expect(chat.locator("#log .bubble")).to_have_count(3)


async def test_a_signed_in_user_of_the_site_is_recognised(browser: Browser) -> None:
    async with open_shop() as (shop, desk), visitor(browser) as page:
        signature = hmac.new(SECRET.encode(), b"user 7", hashlib.sha256).hexdigest()
        shop.options = f'data-user="user 7" data-signature="{signature}"'
        await page.goto(shop.url)
        await write(await open_chat(page), "hello")
        await expect(panel(page).locator("#log .bubble")).to_have_count(2)
        assert list(desk.memory.rooms) == ["user 7"]


async def test_a_wrong_signature_makes_a_guest_and_says_so(browser: Browser) -> None:
    async with open_shop() as (shop, desk), visitor(browser) as page:
        shop.options = 'data-user="user 7" data-signature="00"'
        await page.goto(shop.url)
        chat = await open_chat(page)
        await expect(chat.get_by_text("you are chatting as a guest")).to_be_visible()
        assert "user 7" not in desk.memory.rooms


async def test_a_site_that_is_not_listed_cannot_frame_the_chat(browser: Browser) -> None:
    async with open_shop(listed=False) as (shop, desk), visitor(browser) as page:
        await page.goto(shop.url)
        async with page.expect_response("**/embed*") as refused:
            await page.get_by_role("button", name="Chat with us").click()
        assert "frame-ancestors 'self'" in (await (await refused.value).all_headers())["content-security-policy"]
        await until(lambda: page.frames[-1].url.startswith("chrome-error:"))
        assert desk.memory.rooms == {}
        page.complaints.clear()  # type: ignore[attr-defined]


async def test_the_panel_fills_a_phone_and_has_a_way_out(browser: Browser) -> None:
    size = {"width": 320, "height": 600}
    async with open_shop() as (shop, _), visitor(browser, viewport=size, has_touch=True, is_mobile=True) as page:
        await page.goto(shop.url)
        chat = await open_chat(page)
        box = await page.get_by_role("dialog").bounding_box()
        assert box == {"x": 0, "y": 0, **size}
        await chat.get_by_role("button", name="Close chat").click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(page.get_by_role("button", name="Chat with us")).to_be_visible()

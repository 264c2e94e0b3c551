"""A real Chromium for tests. Without one the test fails and names the package; it never skips."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, FrameLocator, Page, async_playwright, expect

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 10_000
expect.set_options(timeout=WAIT_MS)


def chromium() -> str:
    found = shutil.which("chromium") or ("/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None)
    if found is None:
        pytest.fail("Chromium is missing: install Debian's package with `apt-get install -y chromium`", pytrace=False)
    return found


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    executable = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, headless=True, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visitor(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A fresh profile with one page; an error in the page's scripts or a breach of its policy fails the test."""
    context = await browser.new_context(locale="en-GB", **options)
    try:
        page = await new_page(context)
        yield page
        assert not getattr(page, "complaints", []), page.complaints  # type: ignore[attr-defined]
    finally:
        await context.close()


async def new_page(context: BrowserContext) -> Page:
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    page.complaints = complaints  # type: ignore[attr-defined]
    return page


async def write(page: Page | FrameLocator, text: str) -> None:
    """Type a message and send it with the Enter key."""
    field = page.get_by_label("Your message")
    await field.fill(text)
    await field.press("Enter")


async def turns(page: Page | FrameLocator) -> list[str]:
    """The texts on show in the conversation, in order."""
    return await page.locator("#log .bubble").all_inner_texts()


async def online(page: Page | FrameLocator) -> None:
    await page.get_by_text("Online", exact=True).wait_for()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something on our side to become true."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while not condition():
            await asyncio.sleep(0.01)

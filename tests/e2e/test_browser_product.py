"""The whole product in a real Chromium: killed with SIGKILL twice within ten turns, it shows the record whole."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import online, visitor, write
from tests.e2e.instance import Instance, running
from tests.scripted_node import ScriptedNode

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@asynccontextmanager
async def scripted() -> AsyncIterator[tuple[ScriptedNode, str]]:
    node = ScriptedNode()
    url = await node.start()
    try:
        yield node, url
    finally:
        await node.stop()


GREETING = "Welcome to the shop!"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def settings(folder: Path, node_url: str) -> Path:
    """Settings with a port that is the same after a restart."""
    file = folder / "shop.toml"
    file.write_text(
        f"[generation]\nurl = '{node_url}'\nmodel = 'scripted'\n[web]\nport = {free_port()}\nprivate_port = 0\n"
        f"[workspace]\ngreeting = '{GREETING}'\n"
    )
    return file


async def kill(instance: Instance) -> None:
    instance.process.kill()
    await instance.ended()


def dialogue(count: int) -> list[str]:
    return [GREETING, *(text for number in range(count) for text in (f"question {number}", f"You said: question {number}"))]


async def test_ten_turns_outlive_two_kills(browser: Browser, tmp_path: Path) -> None:
    async with scripted() as (node, url), visitor(browser) as page:
        config = settings(tmp_path, url)
        shown = page.locator("#log .bubble")
        async with running(config) as first:
            await page.goto(await first.ready())
            await online(page)
            for number in range(3):
                await write(page, f"question {number}")
                await expect(shown).to_have_text(dialogue(number + 1))
            node.behaviour.gate, node.behaviour.gate_after = asyncio.Event(), 2
            await write(page, "question 3")
            await expect(page.locator("#draft")).to_have_text("You said:")
            await kill(first)  # in mid-answer
        node.behaviour.gate = None
        async with running(config) as second:
            await second.ready()
            await expect(shown).to_have_text(dialogue(4), timeout=30_000)
            for number in range(4, 7):
                await write(page, f"question {number}")
                await expect(shown).to_have_text(dialogue(number + 1))
            await kill(second)
        await write(page, "question 7")  # typed while nobody is there
        await expect(page.locator("#unsent")).to_contain_text("Not sent yet")
        async with running(config) as third:
            await third.ready()
            await expect(shown).to_have_text(dialogue(8), timeout=30_000)
            for number in range(8, 10):
                await write(page, f"question {number}")
                await expect(shown).to_have_text(dialogue(number + 1))
            await page.reload()
            await expect(shown).to_have_text(dialogue(10))
            await expect(page.locator("#unsent .turn")).to_have_count(0)


async def test_the_page_works_the_real_house_to_the_end(browser: Browser, tmp_path: Path) -> None:
    async with scripted() as (node, url), visitor(browser) as page, running(settings(tmp_path, url)) as instance:
        await page.goto(await instance.ready())
        await online(page)
        shown = page.locator("#log .bubble")
        node.behaviour.gate, node.behaviour.gate_after = asyncio.Event(), 2
        await write(page, "a long story")
        await expect(page.locator("#draft")).to_have_text("You said:")
        await page.keyboard.press("Escape")
        await expect(shown).to_have_text([GREETING, "a long story", "You said:"])
        await expect(page.locator("#log .turn.bot .foot").last).to_contain_text("Stopped")
        node.behaviour.gate = None
        await page.get_by_role("button", name="Not helpful").click()
        await expect(page.get_by_role("button", name="Not helpful", pressed=True)).to_be_visible()
        await page.get_by_role("button", name="New conversation").click()
        await expect(shown).to_have_text([GREETING])
        await write(page, "/new")  # typed as a command, it leaves no turn
        await expect(page.locator("#unsent .turn")).to_have_count(0)
        await write(page, "a new matter")
        await expect(shown).to_have_text([GREETING, "a new matter", "You said: a new matter"])

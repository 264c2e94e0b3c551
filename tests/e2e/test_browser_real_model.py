"""The whole product as `frontdesk run` starts it, its own vLLM and model included, in a real Chromium: killed with SIGKILL twice
within ten turns, the record is whole and no process is left behind.
"""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import online, visitor, write
from tests.e2e.engine import lives
from tests.e2e.instance import Instance, running
from tests.e2e.test_browser_product import free_port
from tests.e2e.test_serving_processes import descendants

pytestmark = [
    pytest.mark.browser,
    pytest.mark.engine,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(900),
]

QUESTIONS = [f"Question {number}: tell me one thing about the number {number}." for number in range(10)]
LOADING_MS = 240_000  # the engine loads anew after each kill


def settings(folder: Path) -> Path:
    file = folder / "shop.toml"
    file.write_text(
        f"[web]\nport = {free_port()}\nprivate_port = 0\n[serving]\nport = 0\nkv_cache_gib = 1\n"
        "[generation]\nmax_tokens = 40\n[workspace]\ngreeting = ''\n"
    )
    return file


async def answered(page: Page, count: int) -> None:
    await expect(page.locator("#log .turn.bot")).to_have_count(count, timeout=LOADING_MS)


async def kill(instance: Instance) -> None:
    """The parent alone; the node and its engine must notice by themselves."""
    left = descendants(instance.process.pid)
    assert left, "it has a node of its own"
    instance.process.kill()
    await instance.ended()
    async with asyncio.timeout(15):
        while any(map(lives, left)):
            await asyncio.sleep(0.1)


def record(folder: Path) -> list[tuple[str, str, int | None]]:
    with sqlite3.connect(folder / "frontdesk.db") as database:
        return database.execute("SELECT role, text, answers_through FROM turn WHERE role <> 'system' ORDER BY seq").fetchall()


async def test_ten_turns_with_the_real_model_outlive_two_kills(browser: Browser, tmp_path: Path) -> None:
    config = settings(tmp_path)
    async with visitor(browser) as page:
        async with running(config) as first:
            await page.goto((await first.until("messages are accepted at")).split()[4].rstrip(";"))
            await online(page)
            for number in range(3):
                await write(page, QUESTIONS[number])
                await answered(page, number + 1)
            await write(page, QUESTIONS[3])
            await expect(page.locator("#draft .bubble")).to_be_visible()
            await kill(first)  # in mid-answer
        async with running(config) as second:
            await answered(page, 4)
            for number in range(4, 7):
                await write(page, QUESTIONS[number])
                await answered(page, number + 1)
            await kill(second)
        await write(page, QUESTIONS[7])  # typed while nobody is there
        async with running(config):
            await answered(page, 8)
            for number in range(8, 10):
                await write(page, QUESTIONS[number])
                await answered(page, number + 1)
            await page.reload()
            await answered(page, 10)
            await expect(page.locator("#log .turn.customer .bubble")).to_have_text(QUESTIONS)
    turns = record(tmp_path)
    assert [text for role, text, _ in turns if role == "customer"] == QUESTIONS
    assert [role for role, _, _ in turns] == ["customer", "bot"] * 10
    assert all(text.strip() and through is not None for role, text, through in turns if role == "bot")

"""The stand-in in a process of its own, steered by its control face, as load tests use it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiogram.exceptions import TelegramServerError

from tests.contract.telegram_scene import QuickSession, RawUpdates


@dataclass
class Remote:
    http: aiohttp.ClientSession
    url: str
    token: str

    async def act(self, name: str, **given: Any) -> dict[str, Any]:
        async with self.http.post(f"{self.url}/_control/{name}", json=given) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer


@asynccontextmanager
async def process(*options: str) -> AsyncIterator[Remote]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.telegram_server", *options, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        told = json.loads(await child.stdout.readline())
        async with aiohttp.ClientSession() as http:
            yield Remote(http, told["url"], told["token"])
    finally:
        child.terminate()
        assert await child.wait() == 0


async def test_another_process_talks_presses_breaks_and_reads_the_log() -> None:
    from aiogram import Bot
    from aiogram.client.telegram import TelegramAPIServer
    from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

    async with process("--no-limits", "--token", "42:abc", "--most-log", "3") as remote:
        bot = Bot("42:abc", session=QuickSession(api=TelegramAPIServer.from_base(remote.url)))
        said = await remote.act("say", all=[{"user": 1001, "text": "hello"}, {"user": 1002, "text": "hi"}])
        assert len(said["message_ids"]) == 2
        assert [each["message"]["chat"]["id"] for each in await bot(RawUpdates())] == [1001, 1002]
        markup = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Yes", callback_data="y")]])
        waiting = asyncio.create_task(remote.act("log", since=0, wait_s=5))
        sent = await bot.send_message(1001, "welcome", reply_markup=markup)
        seen = (await waiting)["seen"]
        assert [(each["what"], each["text"], each["buttons"][0][0]["data"]) for each in seen] == [("sent", "welcome", "y")]
        await remote.act("press", user=1001, message_id=sent.message_id)
        assert (await bot(RawUpdates(offset=-1)))[0]["callback_query"]["data"] == "y"
        await remote.act("fault", kind="error", status=500, method="sendMessage")
        with pytest.raises(TelegramServerError):
            await bot.send_message(1001, "lost")
        for number in range(5):
            await bot.send_message(1002, str(number))
        log = await remote.act("log", since=0)
        assert (log["count"], [each["text"] for each in log["seen"]]) == (6, ["2", "3", "4"])
        state = await remote.act("state")
        assert (state["calls"]["sendMessage"], state["broken_limits"]) == (7, 0)
        assert (await remote.act("show", chat=1002))["texts"] == ["0", "1", "2", "3", "4"]
        await bot.session.close()


async def test_it_ends_with_who_started_it() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.telegram_server",
        "--with-parent",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    await child.stdout.readline()
    child.stdin.close()
    async with asyncio.timeout(10):
        assert await child.wait() == 0


async def test_an_act_that_cannot_be_done_is_refused_in_words() -> None:
    async with process() as remote:
        for name, given in (("nonsense", {}), ("press", {"user": 1, "message_id": 5}), ("say", {"user": 1})):
            async with remote.http.post(f"{remote.url}/_control/{name}", json=given) as response:
                assert response.status in {400, 404}
                assert not (await response.json())["ok"]

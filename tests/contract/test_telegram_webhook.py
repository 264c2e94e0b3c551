"""Delivery to a webhook, to a real HTTP server that answers as told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiogram.exceptions import TelegramBadRequest, TelegramConflictError
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from aiohttp import web

from tests.contract.telegram_scene import telegram

Reply = Callable[[dict[str, Any]], web.Response]


@dataclass
class Listener:
    """Keeps what came, answers by `reply`; while `held` it answers nobody."""

    url: str = ""
    reply: Reply = lambda _update: web.Response()
    got: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    most_waiting: int = 0
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.BaseRequest) -> web.Response:
        update: dict[str, Any] = msgspec.json.decode(await request.read())
        self.got.append(update)
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token", ""))
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        async with self.came:
            self.came.notify_all()
        await self.open.wait()
        self.waiting -= 1
        return self.reply(update)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5), self.came:
            await self.came.wait_for(lambda: len(self.got) >= count)

    @property
    def texts(self) -> list[str]:
        return [update["message"]["text"] if "message" in update else "press" for update in self.got]


@asynccontextmanager
async def listening(*, held: bool = False) -> AsyncIterator[Listener]:
    listener = Listener()
    if not held:
        listener.open.set()
    runner = web.ServerRunner(web.Server(listener.take), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield listener
    finally:
        listener.open.set()
        await runner.cleanup()


async def test_updates_are_posted_with_the_secret_and_forgotten_after_a_200() -> None:
    async with telegram() as scene, listening() as listener:
        scene.ann.say("before")
        await scene.bot.set_webhook(listener.url, secret_token="s3cret-_A")
        scene.ann.say("after")
        await listener.until(2)
        await scene.server.wait_until(lambda: scene.server.pending_updates() == 0)
        assert listener.texts == ["before", "after"]
        assert set(listener.secrets) == {"s3cret-_A"}
        info = await scene.bot.get_webhook_info()
        assert (info.url, info.pending_update_count, info.max_connections) == (listener.url, 0, 40)


async def test_polling_and_a_webhook_exclude_each_other() -> None:
    async with telegram() as scene, listening() as listener:
        poll = asyncio.create_task(scene.updates(timeout=30))
        await scene.server.wait_until(lambda: scene.account.receiver is not None)
        await scene.bot.set_webhook(listener.url)
        with pytest.raises(TelegramConflictError, match="terminated by setWebhook request"):
            await poll
        with pytest.raises(TelegramConflictError, match="can't use getUpdates method while webhook is active"):
            await scene.updates()
        await scene.bot.delete_webhook()
        assert await scene.updates() == []


async def test_each_chat_is_in_order_and_waits_only_for_itself() -> None:
    async with telegram() as scene, listening() as listener:
        bob = scene.server.add_user("Bob")
        refused: set[int] = {scene.ann.id}
        listener.reply = lambda update: web.Response(status=503 if update["message"]["chat"]["id"] in refused else 200)
        await scene.bot.set_webhook(listener.url)
        for number in range(5):
            scene.ann.say(f"a{number}")
            bob.say(f"b{number}")
        await scene.server.wait_until(lambda: scene.server.pending_updates() == 5)
        assert [text for text in listener.texts if text[0] == "b"] == [f"b{number}" for number in range(5)]
        assert {text for text in listener.texts if text[0] == "a"} == {"a0"}
        refused.clear()
        await scene.server.wait_until(lambda: scene.server.pending_updates() == 0)
        tried = [text for text in listener.texts if text[0] == "a"]
        assert sorted(set(tried), key=tried.index) == [f"a{number}" for number in range(5)]
        assert tried[-4:] == [f"a{number}" for number in range(1, 5)]


async def test_chats_are_served_side_by_side_up_to_max_connections() -> None:
    async with telegram() as scene, listening(held=True) as listener:
        await scene.bot.set_webhook(listener.url, max_connections=3)
        for number in range(6):
            scene.server.add_user(f"P{number}").say("hi")
        await listener.until(3)
        assert (listener.waiting, len(listener.got)) == (3, 3)
        listener.open.set()
        await scene.server.wait_until(lambda: scene.server.pending_updates() == 0)
        assert listener.most_waiting == 3


async def test_a_press_does_not_wait_behind_messages() -> None:
    async with telegram() as scene, listening(held=True) as listener:
        markup = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Stop", callback_data="stop")]])
        await scene.bot.send_message(scene.ann.id, "working", reply_markup=markup)
        await scene.bot.set_webhook(listener.url)
        scene.ann.say("held up")
        scene.ann.say("behind it")
        await listener.until(1)
        scene.ann.press(scene.server.messages_on_show(scene.ann.id)[0])
        await listener.until(2)
        assert listener.texts == ["held up", "press"]


async def test_retry_after_is_honoured() -> None:
    async with telegram() as scene, listening() as listener:
        loop = asyncio.get_running_loop()
        replies = iter([web.Response(status=503, headers={"Retry-After": "1"})])
        listener.reply = lambda _update: next(replies, None) or web.Response()
        await scene.bot.set_webhook(listener.url)
        scene.ann.say("hello")
        await listener.until(1)
        began = loop.time()
        await listener.until(2)
        assert loop.time() - began > 0.9
        info = await scene.bot.get_webhook_info()
        assert info.last_error_message == "Wrong response from the webhook: 503 Service Unavailable"


async def test_deleting_a_webhook_keeps_what_is_pending_unless_told_to_drop_it() -> None:
    async with telegram() as scene, listening(held=True) as listener:
        await scene.bot.set_webhook(listener.url)
        scene.ann.say("one")
        await listener.until(1)
        await scene.bot.delete_webhook()
        assert [each["message"]["text"] for each in await scene.updates()] == ["one"]
        await scene.bot.delete_webhook(drop_pending_updates=True)
        assert await scene.updates() == []


async def test_a_method_in_the_reply_is_called_but_its_result_is_lost() -> None:
    async with telegram() as scene, listening() as listener:
        listener.reply = lambda update: web.json_response(
            {"method": "sendMessage", "chat_id": update["message"]["chat"]["id"], "text": "by the way"}
        )
        await scene.bot.set_webhook(listener.url)
        scene.ann.say("hello")
        await scene.server.seen("by the way", scene.ann.id)


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [
        ("ftp://a.b/c", None, "bad webhook: An HTTPS URL must be provided for webhook"),
        ("http://127.0.0.1:1/x", "with space", "secret token contains unallowed characters"),
        ("http://127.0.0.1:1/x", "x" * 257, "secret token is too long"),
    ],
)
async def test_a_wrong_webhook_is_refused(url: str, secret: str | None, words: str) -> None:
    async with telegram() as scene:
        with pytest.raises(TelegramBadRequest, match=words):
            await scene.bot.set_webhook(url, secret_token=secret)
        assert (await scene.bot.get_webhook_info()).url == ""

"""Delivery to a webhook: WebhookActor.cpp of tdlib/telegram-bot-api.

One queue per chat for messages, another per person for presses; in each the next update goes only after a 2xx for the one before.
At most `max_connections` requests at a time, and only twice as many queues are looked at: that many stuck chats hold up all
others.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from tests.telegram_server.account import BotAccount
from tests.telegram_server.updates import Event

MAX_RESEND_S = 60  # WEBHOOK_MAX_RESEND_TIMEOUT: the longest delay is random between this and twice as much
MAX_RETRY_AFTER_S = 3600

Answer = Callable[[BotAccount, dict[str, Any]], Awaitable[None]]


class Webhook:
    """Delivers one bot's updates until `close`. `error` and `error_at` (unix seconds) are of the last failure."""

    def __init__(self, bot: BotAccount, url: str, secret: str, max_connections: int, on_answer: Answer) -> None:
        self.url, self.max_connections = url, max_connections
        self.error, self.error_at = "", 0
        self.delivered = 0
        self.attempts = 0
        self._bot, self._secret, self._on_answer = bot, secret, on_answer
        self._queues: dict[int, deque[Event]] = {}
        self._failed: dict[int, int] = {}
        self._loaded_to = 0
        self._news = asyncio.Event()
        self._hurried = asyncio.Event()
        self._places = asyncio.Semaphore(max_connections)
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = asyncio.create_task(self._run())

    def wake(self) -> None:
        self._news.set()

    def hurry(self) -> None:
        """What waits for its next try is tried now, as if its time had come."""
        self._hurried.set()
        self._hurried = asyncio.Event()

    def start_over(self) -> None:
        """Look at the queue from its head again; updates under way are sent once more under their new numbers."""
        self._loaded_to = 0
        self.wake()

    async def close(self) -> None:
        """Stop; a request under way is cut, and its update stays in the queue."""
        tasks = [self._running, *self._tasks]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._bot.limits.webhook_timeout_s)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
            while True:
                self._load(http)
                self._news.clear()
                await self._news.wait()

    def _load(self, http: aiohttp.ClientSession) -> None:
        """WebhookActor::load_updates."""
        room = 2 * self.max_connections - len(self._queues)
        while room > 0 and (events := self._bot.queue.pending(self._loaded_to, room, self._bot.clock.now())):
            for event in events:
                self._loaded_to = event.update_id
                self._append(http, event)
            room = 2 * self.max_connections - len(self._queues)

    def _append(self, http: aiohttp.ClientSession, event: Event) -> None:
        queue = self._queues.get(event.queue_id)
        if queue is not None:
            queue.append(event)
            return
        self._queues[event.queue_id] = deque([event])
        task = asyncio.create_task(self._drain(http, event.queue_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, http: aiohttp.ClientSession, queue_id: int) -> None:
        queue = self._queues[queue_id]
        while queue:
            event = queue[0]
            await self._deliver(http, event)
            self._bot.queue.confirm(event)
            self._bot.on_change()
            queue.popleft()
        del self._queues[queue_id]
        self.wake()

    async def _deliver(self, http: aiohttp.ClientSession, event: Event) -> None:
        """Returns when the update was taken or has expired. The first failure is tried again at once, then delays double
        (WebhookActor::on_update_error); a Retry-After is honoured up to an hour.
        """
        delay_s = self._bot.limits.webhook_retry_s
        failures = 0
        while event.body and (retry_after := await self._attempt(http, event)) is not None:
            wait_s = float(min(max(retry_after, 0), MAX_RETRY_AFTER_S))
            if not wait_s and failures:
                wait_s = delay_s = min(delay_s * 2, random.uniform(MAX_RESEND_S, 2 * MAX_RESEND_S))
            if self._bot.clock.now() + wait_s > event.expires_at:
                return
            failures += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._hurried.wait()

    async def _attempt(self, http: aiohttp.ClientSession, event: Event) -> int | None:
        """None when taken, else the seconds the webhook asked to wait (0: it did not say)."""
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self._secret
        async with self._places:
            self.attempts += 1
            try:
                async with http.post(self.url, data=event.encoded(), headers=headers, allow_redirects=False) as response:
                    body = await response.read()
            except (aiohttp.ClientError, TimeoutError):
                self._failed_with("Webhook connection closed")
                return 0
        if 200 <= response.status <= 299:
            self.delivered += 1
            await self._answer(body)
            return None
        self._failed_with(f"Wrong response from the webhook: {response.status} {response.reason}")
        wait = response.headers.get("Retry-After", "")
        return int(wait) if wait.isdigit() else 0

    async def _answer(self, body: bytes) -> None:
        """A method named in the webhook's reply is called; its result is lost (WebhookActor::handle)."""
        with suppress(msgspec.DecodeError):
            called = msgspec.json.decode(body) if body else None
            if isinstance(called, dict) and _callable(str(called.get("method", "")).lower()):
                await self._on_answer(self._bot, called)

    def _failed_with(self, words: str) -> None:
        self.error, self.error_at = words, self._bot.clock.unix()


def _callable(method: str) -> bool:
    """WebhookActor::handle: methods that ask or that change the webhook are passed over."""
    return bool(method) and not method.startswith("get") and method not in {"setwebhook", "deletewebhook", "close", "logout"}

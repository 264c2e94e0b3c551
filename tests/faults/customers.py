"""Customers of the web chat: good clients of the API. They send one message after another, each again with the same id until it
is acknowledged, follow their events with their cursor, and write down what they see.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.faults.ledger import Ledger, Seen
from tests.faults.script import WORDS

REQUEST_S = 3.0
QUIET_S = 2.5
AGAIN_S = 0.04
AWAY = (aiohttp.ClientError, TimeoutError, ConnectionError, asyncio.IncompleteReadError)


@dataclass
class Manner:
    """How customers behave just now: shares of their steps, and seconds between them."""

    think_s: float = 0.15
    burst: float = 0.25
    stop: float = 0.06
    new: float = 0.03
    arrival: float = 0.02


class WebCustomer:
    """`where()` gives the URL of a process that is up, or None."""

    def __init__(
        self, name: str, http: aiohttp.ClientSession, where: Callable[[], str | None], ledger: Ledger, manner: Manner, seed: int
    ) -> None:
        self.name = name
        self._http = http
        self._where = where
        self._ledger = ledger
        self._manner = manner
        self._dice = random.Random(seed)
        self._account = ledger.of(name)
        self._session = ""
        self._cursor = ""
        self._said = 0
        self._news = asyncio.Event()

    async def live(self, closing: asyncio.Event) -> None:
        """Talk until `closing`, then finish what was begun. Follows events until cancelled."""
        await self._arrive()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            while not closing.is_set():
                await self._step()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._dice.random() * 2 * self._manner.think_s):
                        await closing.wait()

    async def _arrive(self) -> None:
        opened = await self._insist("POST", "/api/chat/sessions", {}, 201)
        self._session = opened["session"]

    async def _step(self) -> None:
        draw, manner = self._dice.random(), self._manner
        if draw < manner.stop:
            await self._say()
            await asyncio.sleep(self._dice.random() * 0.15)
            await self._insist("POST", "/api/chat/stop", {}, 202)
        elif draw < manner.stop + manner.new and self._cursor:
            await self._insist("POST", "/api/chat/new", {}, 201)
        elif draw < manner.stop + manner.new + manner.burst:
            for _ in range(self._dice.randint(2, 3)):
                await self._say()
                await asyncio.sleep(self._dice.random() * 0.08)
        else:
            await self._say()
            await self._hear()
        if self._dice.random() < manner.arrival:
            await self._insist("POST", "/api/chat/sessions", {}, 201)  # somebody who looks in and says nothing

    async def _say(self) -> None:
        self._said += 1
        token = f"{self.name}.{self._said}"
        text = f"{token} please {' '.join(self._dice.choices(WORDS, k=self._dice.randint(2, 6)))}"
        self._ledger.sent(self.name, token)
        answer = await self._insist("POST", "/api/chat/messages", {"id": token, "text": text}, 202)
        self._ledger.acknowledged(self.name, token, answer["seq"])

    async def _hear(self) -> None:
        """Wait for something new, a moment at most."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._news.wait()

    async def _insist(self, method: str, path: str, body: dict[str, Any], wanted: int) -> dict[str, Any]:
        """The same request until it is answered as it should be."""
        while True:
            url = self._where()
            if url is not None:
                try:
                    status, answer = await self._request(method, url + path, body)
                except AWAY:
                    status, answer = 0, {}
                if status == wanted:
                    return answer
                if status not in {0, 503}:
                    self._ledger.complain(self.name, f"{path} was answered {status} {answer}")
                if status == 503 and "retry-after" not in answer:
                    self._ledger.complain(self.name, f"{path} was answered 503 without Retry-After")
            await asyncio.sleep(AGAIN_S * (0.5 + self._dice.random()))

    async def _request(self, method: str, url: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        async with self._http.request(method, url, json=body, headers=self._headers(), timeout=timeout) as response:
            text = await response.text()
            answer = json.loads(text) if response.content_type == "application/json" else {"text": text}
            if "Retry-After" in response.headers:
                answer["retry-after"] = response.headers["Retry-After"]
            return response.status, answer

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._session}"} if self._session else {}

    async def _follow(self) -> None:
        while True:
            url = self._where()
            with contextlib.suppress(*AWAY):
                if url is not None:
                    await self._read_events(url)
            await asyncio.sleep(AGAIN_S)

    async def _read_events(self, url: str) -> None:
        headers = {**self._headers(), **({"Last-Event-ID": self._cursor} if self._cursor else {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=1, sock_read=QUIET_S)
        async with self._http.get(f"{url}/api/chat/events", headers=headers, timeout=timeout) as response:
            if response.status != 200:
                if response.status != 503:
                    self._ledger.complain(self.name, f"events were answered {response.status}")
                return
            async for event in _blocks(response):
                self._see(event)

    def _see(self, event: dict[str, str]) -> None:
        if "id" not in event:
            if event.get("event") == "error":
                self._ledger.complain(self.name, f"the stream said {event['data']}")
            return
        body, position = json.loads(event["data"]), int(event["id"].rpartition("-")[2])
        if event["event"] == "status":
            seen = Seen(position, body["conversation"], body["name"], at=time.monotonic())
        else:
            conversation = body["id"].rpartition("-")[0]
            through, state = body["in_reply_to"], body["state"]
            seen = Seen(position, conversation, "", body["seq"], body["role"], body["text"], through, state, time.monotonic())
        self._ledger.seen(self.name, seen)
        self._cursor = event["id"]
        self._news.set()


async def _blocks(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """The events of a stream, each as its fields; one that is cut off is not given."""
    rest = b""
    async for data in response.content.iter_any():
        *blocks, rest = (rest + data).split(b"\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line and line[0] != ":")
            if "data" in fields:
                yield fields

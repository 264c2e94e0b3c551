"""Visitors of the web API in a process of their own, as lean as can be: `python -m tests.bench.visitors URL BYTES`.

Told line by line on standard input what to do, each ends with `done SECONDS`: `arrive N` opens so many sessions and their event
streams, `talk N` holds so many exchanges with each visitor at once, `leave 0` closes the streams. A message has BYTES at least.
"""

import asyncio
import itertools
import sys
import time
from urllib.parse import urlsplit

import msgspec
import uvloop

from adapters.terminal.sse import EventReader
from bot.generation.wire import Wire, WireResponse

API = "/api/chat"
OPENING_AT_ONCE = 50


class _Turn(msgspec.Struct):
    role: str
    in_reply_to: int | None = None


class Visitor:
    """One session. `answered` is the newest of the visitor's turns that has an answer."""

    def __init__(self, wire: Wire, host: str, port: int, text: str) -> None:
        self._wire, self._host, self._port, self._text = wire, host, port, text
        self._ids = itertools.count()
        self._answered = 0
        self._news = asyncio.Event()

    async def arrive(self) -> None:
        self._token = msgspec.json.decode(await self._post("/sessions", {}, {}))["session"]
        reader, self._stream = await asyncio.open_connection(self._host, self._port)
        head = f"GET {API}/events HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        self._stream.write(head.encode())
        self._listening = asyncio.create_task(self._listen(reader))

    async def talk(self, exchanges: int) -> None:
        """Say something, wait until the answer is read from the event stream, and again."""
        for _ in range(exchanges):
            body = {"id": str(next(self._ids)), "text": self._text}
            seq = msgspec.json.decode(await self._post("/messages", {"Authorization": f"Bearer {self._token}"}, body))["seq"]
            while self._answered < seq:
                self._news.clear()
                await self._news.wait()

    async def leave(self) -> None:
        self._listening.cancel()
        self._stream.transport.abort()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        response, events = WireResponse(), EventReader()
        while data := await reader.read(65_536):
            response.feed(data)
            for event in events.feed(response.taken()):
                if event.name == "turn":
                    turn = msgspec.json.decode(event.data, type=_Turn)
                    self._answered = max(self._answered, (turn.in_reply_to or 0) if turn.role == "bot" else 0)
                    self._news.set()
        sys.exit("an event stream ended")

    async def _post(self, path: str, headers: dict[str, str], body: object) -> bytes:
        async with self._wire.post(API + path, headers, msgspec.json.encode(body)) as exchange:
            answer = b"".join([piece async for piece in exchange.body()])
            if exchange.response.status not in {201, 202}:
                sys.exit(f"{path} was answered with {exchange.response.status}: {answer.decode()}")
        return answer


class Crowd:
    """The visitors who are there."""

    def __init__(self, url: str, text: str) -> None:
        self._url = urlsplit(url)
        self._text = text
        self._wire = Wire(url, idle=1000)
        self._visitors: list[Visitor] = []

    async def arrive(self, count: int) -> None:
        new = [Visitor(self._wire, self._url.hostname or "", self._url.port or 80, self._text) for _ in range(count)]
        for some in range(0, count, OPENING_AT_ONCE):
            await asyncio.gather(*(visitor.arrive() for visitor in new[some : some + OPENING_AT_ONCE]))
        self._visitors += new

    async def talk(self, exchanges: int) -> None:
        await asyncio.gather(*(visitor.talk(exchanges) for visitor in self._visitors))

    async def leave(self, _count: int) -> None:
        for visitor in self._visitors:
            await visitor.leave()
        self._visitors.clear()


async def main(url: str, text_bytes: int) -> None:
    crowd = Crowd(url, "hello c12 3".ljust(text_bytes, "o"))
    acts = {"arrive": crowd.arrive, "talk": crowd.talk, "leave": crowd.leave}
    while words := (await asyncio.to_thread(sys.stdin.readline)).split():
        started = time.perf_counter()
        await acts[words[0]](int(words[1]))
        print(f"done {time.perf_counter() - started}", flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))

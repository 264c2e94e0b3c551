"""Reads streamed answers as bytes and does nothing with them: what the engine's side costs anyone, at the least."""

import asyncio
import json
import time
from typing import cast
from urllib.parse import urlsplit

END = b"0\r\n\r\n"


class _Reader(asyncio.Protocol):
    """One connection: an answer is whole when its last chunk came."""

    def __init__(self) -> None:
        self._whole: asyncio.Future[None] | None = None
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-len(END) :]
        if self._tail == END and self._whole is not None:
            self._whole.set_result(None)

    def ask(self, request: bytes) -> "asyncio.Future[None]":
        self._whole = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._whole

    def close(self) -> None:
        self._transport.abort()


async def read_streams(url: str, answers: int, *, at_once: int, history: int) -> float:
    """CPU seconds of this process for one answer, of so many on so many connections; each prompt has `history` turns."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    host, port = parts.hostname, parts.port
    turns = [{"role": "user", "content": "hello c12 3"}, {"role": "assistant", "content": "You said hello" + " and" * 60}]
    messages = [{"role": "system", "content": "You help."}, *turns * (history // 2), turns[0]]
    body = json.dumps({"model": "scripted", "messages": messages, "stream": True}).encode()
    head = f"POST {parts.path}/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    loop = asyncio.get_running_loop()

    async def some(count: int) -> None:
        _, reader = await loop.create_connection(_Reader, host, port)
        for _ in range(count):
            await reader.ask(request)
        reader.close()

    before = time.process_time()
    await asyncio.gather(*(some(answers // at_once) for _ in range(at_once)))
    return (time.process_time() - before) / (answers // at_once * at_once)

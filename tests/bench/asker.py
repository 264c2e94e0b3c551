"""Asks an engine straight, as the chat client on the wire would: when the first token came, how fast the others did."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.bench.product import Remote

WORDS = [
    *["time", "way", "year", "work", "day", "thing", "world", "life", "hand", "part", "place", "week", "case", "point"],
    *["home", "water", "room", "story", "fact", "month", "lot", "right", "study"],
]
LONGEST_S = 300.0
Messages = Sequence[dict[str, str]]


@dataclass(slots=True)
class Answer:
    """Seconds since it was asked; `first_s` None: nothing came. `after_s`: when it was told to come again.
    `problem`: what was said within a stream that failed."""

    status: int = 0
    first_s: float | None = None
    total_s: float = 0.0
    tokens: int = 0
    after_s: float = 0.0
    text: str = ""
    problem: str = ""
    at: list[float] = field(default_factory=list)


def prose(dice: random.Random, words: int) -> str:
    """Words no cache has seen in this order."""
    return " ".join(dice.choices(WORDS, k=words))


def user(text: str) -> Messages:
    return [{"role": "system", "content": "You help."}, {"role": "user", "content": text}]


class Asker:
    """One door of an engine. Made inside the event loop; close it."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {remote.api_key}", "Content-Type": "application/json"},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=LONGEST_S),
        )

    async def close(self) -> None:
        await self._http.close()

    async def ask(self, messages: Messages, tokens: int, *, deadline_s: float | None = None, **more: Any) -> Answer:
        """The whole answer of exactly so many tokens; a refusal is an answer too. Given up when nothing came by the deadline."""
        answer = Answer()
        started = time.perf_counter()
        async with self.asking(messages, tokens, deadline_s=deadline_s, **more) as response:
            answer.status = response.status
            if response.status != 200:
                answer.after_s = float(response.headers.get("Retry-After", 0))
                return answer
            try:
                async with asyncio.timeout(deadline_s) as limit:
                    async for piece in response.content.iter_any():
                        limit.reschedule(None)
                        answer.at.append(time.perf_counter() - started)
                        _read(answer, piece)
            except TimeoutError:
                if not limit.expired():
                    answer.problem = f"no whole answer within {LONGEST_S:.0f} s"
        answer.first_s = answer.at[0] if answer.at and not answer.problem else None
        answer.total_s = time.perf_counter() - started
        return answer

    @asynccontextmanager
    async def asking(
        self, messages: Messages, tokens: int, *, deadline_s: float | None = None, **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The stream itself; leaving the block before its end is what `/stop` does."""
        body = {"model": self._remote.model, "messages": messages, "max_tokens": tokens, "stream": True, "temperature": 0}
        body |= {"ignore_eos": True, "stream_options": {"include_usage": True}, **more}
        headers = {} if deadline_s is None else {"X-Deadline-S": f"{deadline_s:g}"}
        async with self._http.post(f"{self._remote.url}/chat/completions", data=json.dumps(body), headers=headers) as response:
            try:
                yield response
            finally:
                if not response.content.at_eof():
                    response.close()

    async def gauges(self, *names: str) -> float:
        """Numbers of vLLM's exposition, all their samples together."""
        async with self._http.get(f"{self._remote.url.removesuffix('/v1')}/metrics") as response:
            lines = (await response.text()).splitlines()
        return sum(float(one.rpartition(" ")[2]) for one in lines if one.startswith(names))


def _read(answer: Answer, piece: bytes) -> None:
    for line in piece.split(b"\n"):
        if line.startswith(b"data: {"):
            try:
                chunk = json.loads(line[6:])
            except ValueError:
                continue  # cut by the network: its text is not needed
            answer.problem = (chunk.get("error") or {}).get("message", answer.problem)
            answer.text += "".join(choice["delta"].get("content") or "" for choice in chunk.get("choices", ()))
            if chunk.get("usage"):
                answer.tokens = chunk["usage"]["completion_tokens"]

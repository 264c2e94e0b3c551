"""A customer of the web chat who counts what comes back: each question has one answer, whatever happened meanwhile."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import aiohttp

STEP_S = 0.2


class Customer:
    """Asks one thing after another."""

    def __init__(self, http: aiohttp.ClientSession, link: str) -> None:
        self._http = http
        self._link = link
        self._headers: dict[str, str] = {}
        self.asked: list[int] = []

    async def arrive(self) -> None:
        async with self._http.post(f"{self._link}api/chat/sessions", json={}) as answer:
            assert answer.status == 201, await answer.text()
            self._headers = {"Authorization": f"Bearer {(await answer.json())['session']}"}

    def moved(self, link: str) -> None:
        """The same dialogue at another address."""
        self._link = link

    async def ask(self, text: str) -> int:
        body = {"id": uuid4().hex, "text": text}
        async with self._http.post(f"{self._link}api/chat/messages", json=body, headers=self._headers) as answer:
            assert answer.status == 202, await answer.text()
            self.asked.append(int((await answer.json())["seq"]))
            return self.asked[-1]

    async def turns(self) -> list[dict[str, Any]]:
        async with self._http.get(f"{self._link}api/chat/turns?after=0", headers=self._headers) as answer:
            assert answer.status == 200, await answer.text()
            found: list[dict[str, Any]] = (await answer.json())["turns"]
            return found

    async def answer(self, seq: int, within_s: float) -> str:
        """The text of the answer to a question."""
        end = time.monotonic() + within_s
        while True:
            for turn in (turns := await self.turns()):
                if turn["role"] == "bot" and turn["in_reply_to"] == seq:
                    return str(turn["text"])
            assert time.monotonic() < end, f"no answer within {within_s:.0f} s: {[(t['role'], t['text'][:60]) for t in turns]}"
            await asyncio.sleep(STEP_S)

    async def shown(self, within_s: float) -> str:
        """Text of a preview, once there is some."""
        async with asyncio.timeout(within_s), self._http.get(f"{self._link}api/chat/events", headers=self._headers) as events:
            preview = False
            async for line in events.content:
                if preview and (text := str(json.loads(line.removeprefix(b"data: "))["text"])):
                    return text
                preview = line == b"event: preview\n"
        raise AssertionError("the events ended without a preview")

    async def judged(self) -> int:
        """Raises AssertionError unless each question has exactly one answer; gives how many notices there were."""
        turns = await self.turns()
        assert not (wrong := mismatch(self.asked, turns)), wrong
        return sum(turn["role"] == "system" for turn in turns)


def mismatch(asked: Sequence[int], turns: Sequence[Mapping[str, Any]]) -> str:
    """Which questions (by seq) have no answer or several, or which answer no question of ours; "" when all is well."""
    answered = Counter(turn["in_reply_to"] for turn in turns if turn["role"] == "bot")
    return "" if answered == Counter(asked) else f"asked {list(asked)}, answered {dict(answered)}"

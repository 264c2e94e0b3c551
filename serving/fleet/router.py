"""Keeps vllm-router alive, and its list of workers that of the members."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence

import aiohttp

from serving import port
from serving.child import Child
from serving.errors import ServingError
from serving.fleet.members import Members
from serving.fleet.routing import RouterOrder
from serving.progress import Report
from serving.supervisor import FIRST_STARTS, died

ROUTER = (sys.executable, "-m", "serving.fleet.routing")
LOOK_S = 1.0
ASK_S = 2.0
START_S = 30.0
MISSED = 3
AGAIN_S = 1.0
BODY_BYTES = 16 << 20  # the door has bounded it before; the router adds fields of its own
ANSWER_S = 3600


class Router:
    """`url` is "" while no router answers; `workers`: the engines that it sends requests to. `run` raises ServingError when no
    router ever answered.
    """

    def __init__(self, members: Members, report: Report, say: Callable[[str], None], command: Sequence[str] = ROUTER) -> None:
        self._members = members
        self._report = report
        self._take = say
        self._command = command
        self._child: Child | None = None
        self.url = ""
        self.workers: frozenset[str] = frozenset()
        self.starts = 0
        self._answered = False
        self._unseen: set[str] = set()

    def kill(self) -> None:
        """End it at once, from any thread."""
        if (child := self._child) is not None:
            child.kill()

    async def run(self) -> None:
        """Until cancelled; then the router has ended."""
        while True:
            why = await self._one_life()
            if not self._answered and self.starts >= FIRST_STARTS:
                raise ServingError(f"serving: vllm-router did not start in {self.starts} attempts: it {why}; its words are above")
            self._report.line(f"serving: the router {why}; starting it again in {AGAIN_S:.0f} s")
            await asyncio.sleep(AGAIN_S)

    def _say(self, line: str) -> None:
        if not line.startswith("DEBUG: "):  # said at each start, whatever its level
            self._take(line)

    async def _one_life(self) -> str:
        own, metrics = port.free(), port.free()
        order = RouterOrder(own, metrics, BODY_BYTES, ANSWER_S, os.getpid())
        child = self._child = await Child.start(self._command, order.to_line(), self._say)
        self.starts += 1
        ended = asyncio.create_task(child.ended())
        kept = asyncio.create_task(self._keep_in_step(f"http://127.0.0.1:{own}"))
        try:
            await asyncio.wait((ended, kept), return_when=asyncio.FIRST_COMPLETED)
            return kept.result() if kept.done() else died(ended.result())
        finally:
            self.url, self.workers, self._child = "", frozenset(), None
            await child.stop(0)
            for task in (ended, kept):
                task.cancel()
            await asyncio.gather(ended, kept, return_exceptions=True)

    async def _keep_in_step(self, url: str) -> str:
        """Tell it who comes and goes; returns why it must go."""
        clock = asyncio.get_running_loop().time
        patient_until = clock() + START_S
        missed = 0
        async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=ASK_S)) as session:
            while missed < MISSED:
                try:
                    await self._match(session)
                except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
                    missed += 1 if self.url or clock() > patient_until else 0
                    await asyncio.sleep(LOOK_S / 10)
                else:
                    self.url, missed, self._answered = url, 0, True
                    await self._members.move(LOOK_S)
        return f"did not answer {MISSED} times"

    async def _match(self, session: aiohttp.ClientSession) -> None:
        async with session.get("/list_workers") as answer:
            known = {str(url) for url in (await answer.json())["urls"]}
        wanted = {member.url for member in self._members.serving()}
        self.workers = frozenset(known)
        for url in known - wanted:
            async with session.post("/remove_worker", params={"url": url}):
                self.workers -= {url}
        for url in wanted - known:
            await self._add(session, url)

    async def _add(self, session: aiohttp.ClientSession, url: str) -> None:
        """It waits until the worker is healthy, which may be never: the next look tries again, and others are not held up."""
        try:
            async with session.post("/add_worker", params={"url": url}) as answer:
                if answer.status == 200:
                    self.workers |= {url}
                    self._unseen.discard(url)
        except TimeoutError:
            if url not in self._unseen:
                self._unseen.add(url)
                self._report.line(f"serving: the router cannot see {url}/health, which must answer it without a key")

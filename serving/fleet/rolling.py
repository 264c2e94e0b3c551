"""Starts the engines of a node anew, one after the other, while the others answer."""

import asyncio
import re
from collections.abc import Callable, Sequence

from serving.fleet.members import Member
from serving.fleet.proxy import Proxy
from serving.progress import Report
from serving.supervisor import Supervisor

LOOK_S = 0.2
# all that an engine has let in; vLLM's own counts are late, and miss what has not reached its core
BUSY = re.compile(r"^frontdesk_node_answers(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


class Rolling:
    """`drain_s`: how long an engine may finish what it has; `start_s`: how long the next may take to be ready. `asked` tells
    whether requests may come to an engine.
    """

    def __init__(
        self,
        crew: Sequence[tuple[Member, Supervisor]],
        asked: Callable[[Member], bool],
        proxy: Proxy,
        report: Report,
        *,
        drain_s: float,
        start_s: float,
    ) -> None:
        self._crew = crew
        self._asked = asked
        self._proxy = proxy
        self._report = report
        self._drain_s = drain_s
        self._start_s = start_s

    async def once_through(self) -> None:
        """Ends early, with a line, when one does not come back: the others are left as they are. Those that are away come first:
        until they are back, the others are needed.
        """
        if not self._crew:
            self._report.line("serving: no engine is this node's own: start those on other machines anew there")
            return
        for member, supervisor in sorted(self._crew, key=lambda one: one[0].is_up):
            self._report.line(f"serving: {supervisor.name} finishes its answers and is started anew")
            starts = member.starts
            member.drain()
            if not await self._idle(member, starts):
                self._report.line(f"serving: {supervisor.name} was not done after {self._drain_s:.0f} s")
            if member.starts == starts:
                supervisor.renew()
            if not await self._back(member, starts):
                self._report.line(f"serving: {supervisor.name} did not come back; the others were left as they are")
                return
        self._report.line("serving: all engines were started anew")

    async def _idle(self, member: Member, starts: int) -> bool:
        """Once nothing is sent to it, and what was on its way is done. One that died meanwhile has nothing left to do."""
        try:
            async with asyncio.timeout(self._drain_s):
                while member.is_up and member.starts == starts:
                    sent_there = self._asked(member)
                    await asyncio.sleep(LOOK_S)
                    if not sent_there and not await self._busy(member):
                        break
        except TimeoutError:
            return False
        return True

    async def _busy(self, member: Member) -> bool:
        counts = BUSY.findall(await self._proxy.text(member.url, "/metrics", 2.0))
        return not counts or any(float(count) for count in counts)

    async def _back(self, member: Member, starts: int) -> bool:
        try:
            async with asyncio.timeout(self._start_s):
                while not (member.serves and member.starts > starts and self._asked(member)):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return False
        return True

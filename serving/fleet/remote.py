"""A node on another machine, watched from here: it supervises its engine itself, we only see whether it serves."""

import asyncio
from typing import Any

import aiohttp

from serving.fleet.members import Member
from serving.progress import Report

LOOK_S = 1.0
ASK_S = 5.0
MISSED = 2
NO_KEY = "refuses our key: both nodes need the same serving.api_key"


class Remote:
    """`url` of the node, without a path. `run` until cancelled."""

    def __init__(self, url: str, api_key: str, served_name: str, member: Member, report: Report, look_s: float = LOOK_S) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._served_name = served_name
        self._member = member
        self._report = report
        self._look_s = look_s
        self._said = ""

    async def run(self) -> None:
        missed = 0
        timeout = aiohttp.ClientTimeout(total=ASK_S)
        async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as session:
            while True:
                trouble = await self._trouble(session)
                missed = missed + 1 if trouble else 0
                if not trouble and not self._member.is_up:
                    self._say("serves")
                    self._member.found_at(self._url)
                elif missed >= MISSED:
                    self._say(trouble)
                    self._member.down()
                await asyncio.sleep(self._look_s)

    async def _trouble(self, session: aiohttp.ClientSession) -> str:
        """Why it cannot be used now, "" when it can."""
        try:
            async with session.get(f"{self._url}/health", allow_redirects=False) as answer:
                if answer.status != 200:
                    return NO_KEY if answer.status == 401 else "is not ready"
            if self._member.is_up:
                return ""
            async with session.get(f"{self._url}/v1/models", allow_redirects=False) as answer:
                if answer.status == 401:  # its /health may be open
                    return NO_KEY
                served = _names(await answer.json())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return "cannot be reached"
        return "" if self._served_name in served else f"serves {', '.join(served) or 'nothing'}, not {self._served_name}"

    def _say(self, what: str) -> None:
        if what != self._said:
            self._said = what
            self._report.line(f"serving: the node {self._url} {what}")


def _names(told: Any) -> list[str]:
    try:
        return [str(model["id"]) for model in told["data"]]
    except (KeyError, TypeError):
        return []

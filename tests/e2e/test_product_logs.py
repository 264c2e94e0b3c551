"""A whole run at the most talkative level: stderr carries events, and nothing that a customer wrote or that opens a door."""

import asyncio
import json
import signal
from pathlib import Path

import aiohttp
import pytest
import sqlalchemy as sa

from tests.e2e.instance import PATIENCE_S, Instance, running
from tests.e2e.test_operations_run import config, node
from tests.scripted_node import ScriptedNode
from tests.web_server import Visit

__all__ = ["config", "node"]

MARK = "xylophone marmalade"
KEY = "opensesame-31337"


class Log:
    """The stderr of an instance, line by line as it comes."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._more = asyncio.Condition()
        self.lines: list[str] = []

    async def read(self) -> None:
        assert self._instance.process.stderr is not None
        async for raw in self._instance.process.stderr:
            async with self._more:
                self.lines.append(raw.decode().rstrip())
                self._more.notify_all()

    async def until(self, event: str, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self._more:
            await self._more.wait_for(lambda: sum(event in line for line in self.lines) >= count)


async def be_refused(visit: Visit) -> None:
    for body in (MARK.encode(), {"id": MARK, "txt": MARK}, {"id": "m1", "text": [MARK]}, {"id": "m2", "text": MARK * 10_000}):
        assert (await visit.post("messages", body))[0] in {400, 413, 422}
    assert (await visit.post(f"{MARK}?text={MARK}", {}))[0] == 404
    assert (await visit.post("rate", {"turn": MARK, "value": 1, "reason": MARK}))[0] == 404


async def be_failed(visit: Visit, node: ScriptedNode, log: Log) -> None:
    for count, fault in enumerate(("error", "refuse", "garbage", "cut", "down"), 1):
        node.behaviour.fault = fault
        await visit.say(f"{MARK} {fault}")
        await log.until("worker.no_answer", count)
    node.behaviour.fault = ""


async def be_answered(visit: Visit) -> None:
    seq = await visit.say(f"{MARK} at last")
    await visit.events_until(lambda event: event[0] == "turn" and event[2]["in_reply_to"] == seq)


@pytest.mark.parametrize("form", ["json", "console"])
async def test_no_word_of_a_customer_and_no_key_reaches_the_log(config: Path, node: ScriptedNode, form: str) -> None:
    settings = config.read_text().replace("[generation]", f"[generation]\napi_key = '{KEY}'")
    config.write_text(f"{settings}[log]\nlevel = 'debug'\nformat = '{form}'\n")
    async with running(config) as instance, aiohttp.ClientSession(await instance.ready()) as http:
        reading = asyncio.create_task((log := Log(instance)).read())
        async with http.post("/api/chat/sessions", json={}) as opened:
            told = await opened.json()
        visit = Visit(http, told["session"], told["conversation"])
        await be_refused(visit)
        await be_failed(visit, node, log)
        await be_answered(visit)
        instance.process.send_signal(signal.SIGTERM)
        assert await instance.ended() == 0
        await reading
    private = ("xylophone", "marmalade", told["session"], KEY)
    assert [line for line in log.lines if any(word in line for word in private)] == []
    assert form == "console" or all(json.loads(line)["event"] for line in log.lines)


async def test_the_password_of_the_database_reaches_no_log(config: Path, postgres_url: str) -> None:
    url = sa.make_url(postgres_url).set(password=KEY).render_as_string(hide_password=False)
    database = f"[database]\nurl = '{url}'\n[security]\nsecret_file = '{config.parent}/secret'\n[log]\nlevel = 'debug'\n"
    config.write_text(database + config.read_text())
    async with running(config) as instance:
        await instance.ready()
        reading = asyncio.create_task((log := Log(instance)).read())
        instance.process.send_signal(signal.SIGTERM)
        assert await instance.ended() == 0
        await reading
    assert log.lines
    assert [line for line in log.lines if KEY in line] == []

"""The Discord stand-in in a process of its own, driven from here through its JSON face."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.discord_server import CREATE_MESSAGE


@dataclass
class Remote:
    session: aiohttp.ClientSession
    addresses: dict[str, Any]

    async def do(self, verb: str, **body: Any) -> Any:
        url = f"http://127.0.0.1:{self.addresses['port']}/_control/{verb}"
        async with self.session.post(url, json=body) as answer:
            said = await answer.json()
            assert answer.status == 200, said
            return said

    async def send(self, channel: str, text: str) -> int:
        """The status of a message sent by the bot."""
        url = f"{self.addresses['api_base']}/channels/{channel}/messages"
        async with self.session.post(url, json={"content": text}, headers={"Authorization": "Bot token"}) as answer:
            return answer.status


@asynccontextmanager
async def remote(*arguments: str) -> AsyncIterator[Remote]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.discord_server", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        addresses = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        async with aiohttp.ClientSession() as session:
            yield Remote(session, addresses)
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_another_process_builds_a_world_talks_and_reads_what_was_seen() -> None:
    async with remote("--limits", '{"respond_within": 0.05, "buckets": {"messages.create": [2, 60.0]}}') as server:
        bot = (await server.do("application", token="token"))["bot"]
        guild = (await server.do("guild", name="Shop", bots=[bot]))["guild"]
        channel = (await server.do("channel", guild=guild, name="help"))["channel"]
        anna = (await server.do("person", name="anna", guilds=[guild]))["person"]
        await server.do("say", person=anna, channel=channel, text="hello")
        waiting = asyncio.create_task(server.do("log", since=1, wait=10))
        assert [await server.send(channel, text) for text in ("a", "b", "c")] == [200, 200, 429]
        assert [one["text"] for one in (await waiting)["seen"]][:1] == ["a"]
        seen = (await server.do("log", since=1))["seen"]
        assert [(one["text"], one["bot"], one["channel_id"]) for one in seen] == [("a", bot, channel), ("b", bot, channel)]
        assert (await server.do("shown", channel=channel))["texts"] == ["hello", "a", "b"]
        dm = (await server.do("dm", person=anna, bot=bot))["channel"]
        method, route = CREATE_MESSAGE
        await server.do("fail_next", kind="error", status=503, method=method, route=route)
        assert [await server.send(dm, "x") for _ in range(2)] == [503, 200]
        state = await server.do("state")
        assert state["calls"] == {"POST /channels/{channel_id}/messages": 5}
        assert (state["statuses"]["429"], state["broken_limits"]) == (1, 0)


async def test_another_process_runs_commands_and_hears_errors() -> None:
    async with remote("--limits", '{"unlimited": true, "respond_within": 0.05}') as server:
        bot = (await server.do("application", token="token"))["bot"]
        anna = (await server.do("person", name="anna"))["person"]
        dm = (await server.do("dm", person=anna, bot=bot))["channel"]
        url = f"http://127.0.0.1:{server.addresses['port']}/_control/run"
        body = {"person": anna, "channel": dm, "bot": bot, "command": "go"}
        async with server.session.post(url, json=body) as answer:
            assert (answer.status, "NotOffered" in (await answer.json())["message"]) == (400, True)
        commands = f"{server.addresses['api_base']}/applications/{bot}/commands"
        go = [{"name": "go", "description": "Go"}]
        async with server.session.put(commands, json=go, headers={"Authorization": "Bot token"}) as answer:
            assert answer.status == 200
        number = (await server.do("run", **body))["interaction"]
        await server.do("log", since=0, wait=10)
        assert (await server.do("interaction", interaction=number))["state"] == "failed"
        await server.do("gateway", do="kill")
        await server.do("advance", seconds=5)

"""Canaries at the gateway of the Discord stand-in: who breaks a rule gets its close code."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.contract.discord_guild import ALL_DEFAULT, FREE, scene
from tests.discord_clients import raw
from tests.discord_server import DiscordServer, Limits


class Socket:
    """A gateway client that keeps no rule by itself."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def hear(self) -> Any:
        """The next payload, or the close code as a number."""
        message = await self.socket.receive(timeout=5)
        return json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else self.socket.close_code

    async def say(self, op: int, data: Any = None) -> None:
        await self.socket.send_json({"op": op, "d": data})

    async def until(self, event: str) -> Any:
        while (heard := await self.hear())["t"] != event:
            pass
        return heard

    async def identify(self, token: str = "token", intents: int = ALL_DEFAULT, **extra: Any) -> Any:
        await self.say(2, {"token": token, "intents": intents, "properties": {}, **extra})
        return await self.hear()


@asynccontextmanager
async def connected(server: DiscordServer, query: str = "?v=10&encoding=json") -> AsyncIterator[Socket]:
    async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url + query) as socket:
        made = Socket(socket)
        if "v=10" in query:
            assert (await made.hear())["op"] == 10
        yield made


IDENTIFY_FAULTS = [
    ({"token": "nobody"}, 4004),
    ({"intents": 1 << 60}, 4013),
    ({"intents": 1 << 1}, 4014),  # members, not allowed
    ({"shard": [2, 2]}, 4010),
    ({"intents": "all"}, 4002),
]


@pytest.mark.parametrize(("wrong", "code"), IDENTIFY_FAULTS)
async def test_a_wrong_identify_is_closed_with_its_code(server: DiscordServer, wrong: dict[str, Any], code: int) -> None:
    scene(server)
    async with connected(server) as socket:
        assert await socket.identify(**wrong) == code


async def test_payloads_out_of_turn_are_closed_with_their_codes(server: DiscordServer) -> None:
    scene(server)
    for op, data, code in ((3, {}, 4003), (99, {}, 4001), (2, "x" * 5000, 4002)):
        async with connected(server) as socket:
            await socket.say(op, data)
            assert await socket.hear() == code
    async with connected(server) as socket:
        await socket.socket.send_str("no json")
        assert await socket.hear() == 4002
    async with connected(server) as socket:
        await socket.identify()
        await socket.say(2, {"token": "token", "intents": 0})
        while not isinstance(heard := await socket.hear(), int):
            pass
        assert heard == 4005
    async with connected(server, "?v=6&encoding=json") as socket:
        while not isinstance(heard := await socket.hear(), int):
            pass
        assert heard == 4012


async def test_too_many_payloads_close_the_connection() -> None:
    async with DiscordServer(Limits(gateway_sends=5)) as server, connected(server) as socket:
        for _ in range(6):
            await socket.say(1)
        while not isinstance(heard := await socket.hear(), int):
            assert heard["op"] == 11
        assert heard == 4008


async def test_no_heartbeat_closes_the_connection_and_beats_keep_it() -> None:
    async with DiscordServer(Limits(heartbeat_interval=0.1)) as server:
        async with connected(server) as socket:
            assert await socket.hear() == 4000
        async with connected(server) as socket:
            for _ in range(4):
                await socket.say(1)
                assert (await socket.hear())["op"] == 11
                await asyncio.sleep(0.1)  # the pace of a client, not a wait for anything


async def test_withheld_acknowledgements_stay_away(server: DiscordServer) -> None:
    bot, _, _, _ = scene(server)
    server.gateway.withhold_acks(bot)
    async with connected(server) as socket:
        assert (await socket.identify())["t"] == "READY"
        await socket.until("GUILD_CREATE")
        await socket.say(1)
        await server.wait_until(lambda: sum(wire.beats for wire in server.gateway.connections) == 1)
        server.gateway.ask_beat(bot)
        assert (await socket.hear())["op"] == 1  # and no 11 before it
        server.gateway.withhold_acks(bot, on=False)
        await socket.say(1)
        assert (await socket.hear())["op"] == 11


async def test_a_session_belongs_to_its_bot(server: DiscordServer) -> None:
    scene(server)
    server.application("other")
    async with connected(server) as socket:
        session = (await socket.identify())["d"]["session_id"]
        await socket.socket.close(code=4000)
    async with connected(server) as socket:
        await socket.say(6, {"token": "other", "session_id": session, "seq": 1})
        assert (await socket.hear(), server.gateway.handshake.refused_resumes) == ({"op": 9, "s": None, "t": None, "d": False}, 1)
    async with connected(server) as socket:
        await socket.say(6, {"token": "nobody", "session_id": session, "seq": 1})
        assert await socket.hear() == 4004


async def test_a_seq_from_the_future_closes_with_4007(server: DiscordServer) -> None:
    bot, _, _, _ = scene(server)
    async with connected(server) as socket:
        session = (await socket.identify())["d"]["session_id"]
        server.gateway.kill(bot)
        assert isinstance(await last(socket), int)
    async with connected(server) as socket:
        await socket.say(6, {"token": "token", "session_id": session, "seq": 99})
        assert await socket.hear() == 4007


async def last(socket: Socket) -> Any:
    while not isinstance(heard := await socket.hear(), int):
        pass
    return heard


@pytest.mark.parametrize("resumable", [True, False])
async def test_an_invalidated_session_is_gone_unless_it_is_resumable(server: DiscordServer, resumable: bool) -> None:
    bot, _, _, _ = scene(server)
    async with connected(server) as socket:
        session = (await socket.identify())["d"]["session_id"]
        await socket.until("GUILD_CREATE")
        server.gateway.invalidate(bot, resumable=resumable)
        assert await socket.hear() == {"op": 9, "s": None, "t": None, "d": resumable}
        await socket.socket.close(code=4000)
    async with connected(server) as socket:
        await socket.say(6, {"token": "token", "session_id": session, "seq": 2})
        assert ((await socket.hear())["op"] == 0) is resumable


async def test_a_clean_goodbye_ends_the_session(server: DiscordServer) -> None:
    scene(server)
    for code, resumed in ((1000, False), (4000, True)):
        async with connected(server) as socket:
            session = (await socket.identify())["d"]["session_id"]
            await socket.socket.close(code=code)
        async with connected(server) as socket:
            await socket.say(6, {"token": "token", "session_id": session, "seq": 1})
            assert ((await socket.hear())["op"] == 0) is resumed


async def test_a_session_without_a_connection_lives_for_minutes_only(server: DiscordServer) -> None:
    scene(server)
    async with connected(server) as socket:
        session = (await socket.identify())["d"]["session_id"]
        await socket.socket.close(code=4000)
    await server.wait_until(lambda: not server.gateway.connections)
    server.advance(FREE.session_life + 1)
    async with connected(server) as socket:
        await socket.say(6, {"token": "token", "session_id": session, "seq": 1})
        assert (await socket.hear())["op"] == 9


async def test_a_gateway_that_refuses_connections_answers_503(server: DiscordServer) -> None:
    server.gateway.refusing = True
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await session.ws_connect(server.gateway_url + "?v=10&encoding=json")


async def test_identifies_are_paced_and_counted_for_the_day() -> None:
    async with DiscordServer(Limits(identifies_a_day=3)) as server:
        bot, _, _, _ = scene(server)
        async with connected(server) as socket:
            assert (await socket.identify())["t"] == "READY"
        async with connected(server) as socket:
            assert (await socket.identify())["op"] == 9  # within 5 s
            server.advance(6)
            assert (await socket.identify())["t"] == "READY"
        async with raw(server, bot) as asking:
            _, said = await asking.ask("GET", "/gateway/bot")
            assert said["session_start_limit"]["remaining"] == 0
        async with connected(server) as socket:
            server.advance(6)
            assert await socket.identify() == 4004  # the token was reset
        assert bot.revoked


async def test_a_compressed_stream_is_one_zlib_stream(server: DiscordServer) -> None:
    scene(server)
    async with aiohttp.ClientSession() as session:
        url = server.gateway_url + "?v=10&encoding=json&compress=zlib-stream"
        async with session.ws_connect(url) as socket:
            inflate = zlib.decompressobj()
            hello = await socket.receive_bytes(timeout=5)
            assert hello.endswith(b"\x00\x00\xff\xff")
            assert json.loads(inflate.decompress(hello))["op"] == 10
            await socket.send_json({"op": 2, "d": {"token": "token", "intents": ALL_DEFAULT}})
            ready = json.loads(inflate.decompress(await socket.receive_bytes(timeout=5)))
            assert ready["d"]["resume_gateway_url"] == f"ws://127.0.0.1:{server.port}/resume"
            assert (ready["s"], ready["d"]["guilds"][0]["unavailable"]) == (1, True)

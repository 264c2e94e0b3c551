"""Event streams: what was missed is caught up from any cut, a reader that does not read is let go, a drain ends them all."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from adapters.web.streams import Streams
from bot.events import ChannelAddress
from bot.views import ChatEvent, PreviewShown, TurnPage
from tests.web_desk import MemoryDesk, silent
from tests.web_server import Event, Web, WebDesk


@pytest.fixture
async def desk() -> AsyncIterator[WebDesk]:
    async with WebDesk() as running:
        yield running


def logged(events: list[Event]) -> list[tuple[str, str | None]]:
    return [(json.dumps(data), cursor) for _, cursor, data in events if cursor is not None]


async def test_a_stream_begins_with_the_conversations_first_event(desk: WebDesk) -> None:
    ann = await desk.visit()
    await ann.say("hello")
    events = await ann.events_until(lambda event: event[0] == "turn" and event[2]["role"] == "bot")
    assert [(name, data.get("text", data.get("name"))) for name, _, data in events] == [
        ("status", "opened"),
        ("turn", "hello"),
        ("turn", "You said: hello"),
    ]
    assert events[0][2]["conversation"] == ann.conversation


async def test_a_stream_resumes_at_every_cut_without_loss_or_repeat(desk: WebDesk) -> None:
    ann = await desk.visit()
    for number in range(6):
        await ann.say(f"message {number}")
    room = desk.memory.only_room
    room.edit(2, "better")
    room.delete(4)
    room.status("stopped")
    last = f"{room.name}-{len(room.log)}"
    whole = logged(await ann.events_until(lambda event: event[1] == last))
    assert len(whole) == len(room.log)
    for cut in range(len(whole) - 1):
        rest = logged(await ann.events_until(lambda event: event[1] == last, whole[cut][1]))
        assert whole[: cut + 1] + rest == whole


async def test_the_record_and_the_stream_join_without_a_gap(desk: WebDesk) -> None:
    ann = await desk.visit()
    await ann.say("before")
    page = await ann.turns()
    await ann.say("between")
    events = await ann.events_until(lambda event: event[2].get("text") == "You said: between", page["cursor"])
    assert [data["text"] for name, _, data in events if name == "turn"] == ["between", "You said: between"]


async def test_previews_come_whole_and_without_a_cursor(desk: WebDesk) -> None:
    desk.memory.answerer = silent
    ann = await desk.visit()
    await ann.say("hello")
    room = desk.memory.only_room
    room.preview("", 1)
    async with asyncio.timeout(5):
        seen = []
        async for event in ann.events():
            seen.append(event)
            if event[0] == "turn":
                continue
            if event[2] == {"text": "", "in_reply_to": 1}:
                room.preview("You", 1)
            elif event[2] == {"text": "You", "in_reply_to": 1}:
                room.gone()
            elif event[0] == "preview.gone":
                break
    assert [(name, cursor) for name, cursor, _ in seen[2:]] == [("preview", None), ("preview", None), ("preview.gone", None)]


@pytest.mark.parametrize("cursor", ["nonsense", "other-1", "{room}-999", "x" * 300])
async def test_a_cursor_that_is_not_ours_is_400(desk: WebDesk, cursor: str) -> None:
    ann = await desk.visit()
    named = cursor.format(room=desk.memory.only_room.name)
    for headers, params in [({"Last-Event-ID": named}, {}), ({}, {"cursor": named})]:
        async with desk.http.get("/api/chat/events", headers=ann.headers | headers, params=params) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (400, "unknown_cursor")


async def test_a_quiet_stream_opens_at_once_and_beats() -> None:
    async with WebDesk(streams=Streams(heartbeat_s=0.05)) as desk:
        ann = await desk.visit()
        cursor = (await ann.turns())["cursor"]
        async with desk.http.get("/api/chat/events", headers=ann.headers, params={"cursor": cursor}) as response:
            assert response.headers["Content-Type"].startswith("text/event-stream")
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Accel-Buffering"] == "no"
            lines = [await response.content.readline() for _ in range(7)]
        assert lines == [b"retry: 2000\n", b": listening\n", b"\n", b":\n", b"\n", b":\n", b"\n"]


async def test_a_client_that_goes_leaves_nothing_behind(desk: WebDesk) -> None:
    ann = await desk.visit()
    async with desk.http.get("/api/chat/events", headers=ann.headers) as response:
        await response.content.readline()
        assert len(desk.streams) == 1
        response.close()
    await until(lambda: len(desk.streams) == 0 and not desk.memory.only_room.followers)


async def test_a_drain_ends_streams_in_order_and_takes_no_more(desk: WebDesk) -> None:
    ann = await desk.visit()
    async with desk.http.get("/api/chat/events", headers=ann.headers) as response:
        await response.content.readline()
        desk.streams.close()
        rest = await response.content.read()  # raises when the stream is cut instead of ended
    assert b"event: status" in rest
    async with desk.http.get("/api/chat/events", headers=ann.headers) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "2")


async def test_one_visitor_cannot_hold_streams_without_bound() -> None:
    async with WebDesk(streams=Streams(per_address=3)) as desk:
        ann, bob = await desk.visit(), await desk.visit()
        held = [await desk.http.get("/api/chat/events", headers=ann.headers) for _ in range(3)]
        async with desk.http.get("/api/chat/events", headers=ann.headers) as response:
            assert response.status == 429
        async with desk.http.get("/api/chat/events", headers=bob.headers) as response:
            assert response.status == 200
        for response in held:
            response.close()


async def test_a_store_that_goes_away_ends_the_stream_in_order() -> None:
    class Going(MemoryDesk):
        async def follow(self, address: ChannelAddress, cursor: str | None) -> AsyncIterator[ChatEvent]:
            yield PreviewShown("so far", 1)
            self.away = True
            self._check()

    memory = Going()
    async with Web(memory, memory, memory) as web:
        ann = await web.visit()
        async with web.http.get("/api/chat/events", headers=ann.headers) as response:
            assert b"so far" in await response.content.read()


class Flood(MemoryDesk):
    """Has more to say than anybody reads; counts what was taken from it."""

    taken = 0

    async def follow(self, address: ChannelAddress, cursor: str | None) -> AsyncIterator[ChatEvent]:
        while True:
            self.taken += 1
            yield PreviewShown("x" * 10_000, 1)

    async def turns(self, address: ChannelAddress, after: int) -> TurnPage:
        return TurnPage("", (), "")


async def test_a_reader_that_does_not_read_is_let_go_and_costs_no_memory() -> None:
    memory = Flood()
    async with Web(memory, memory, memory, streams=Streams(stall_s=0.3)) as web:
        ann = await web.visit()
        reader, writer = await asyncio.open_connection("127.0.0.1", web.server.port, limit=1024)
        writer.write(f"GET /api/chat/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.token}\r\n\r\n".encode())
        await reader.readline()
        await until(lambda: len(web.streams) == 1)
        await until(lambda: len(web.streams) == 0)
        assert memory.taken < 2_000  # what the sockets hold, not what there is to say
        writer.close()


async def test_many_idle_streams_are_cheap(desk: WebDesk) -> None:
    ann = await desk.visit()
    async with aiohttp.ClientSession(desk.server.url, connector=aiohttp.TCPConnector(limit=0)) as http:
        held = [await http.get("/api/chat/events", headers=ann.headers) for _ in range(30)]
        tasks = len(asyncio.all_tasks())
        assert len(desk.streams) == 30
        for response in held:
            response.close()
        await until(lambda: len(desk.streams) == 0)
        # a stream is its request, its writer and the step of its feed; no thread, no timer of its own
        assert tasks - len(asyncio.all_tasks()) <= 3 * 30


async def test_the_stream_is_well_formed_for_any_text(desk: WebDesk) -> None:
    ann = await desk.visit()
    await ann.say("one\ntwo\n\nid: forged\ndata: forged\r\nevent: forged \u2028 \u2029")
    async with desk.http.get("/api/chat/events", headers=ann.headers) as response:
        raw = b""
        while raw.count(b"event: turn") < 2:
            raw += await response.content.readany()
    assert not re.search(rb"^(id|event): forged", raw, re.MULTILINE)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)

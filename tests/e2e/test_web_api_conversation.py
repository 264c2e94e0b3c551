"""The chat API over the real store, intake, worker and record, with a scripted node: what a client is promised."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.web.bodies import clean
from bot.conversation.visitors import Visitors
from bot.store.memory import MemoryStore
from tests.house import WEB, House, open_house
from tests.web_server import Event, Visit, Web


@asynccontextmanager
async def open_web(**options: Any) -> AsyncIterator[tuple[House, Web]]:
    async with (
        open_house(**options) as house,
        Web(house.intake, house.record, Visitors(house.store, {WEB: house.ref})) as web,
    ):
        yield house, web


def answers(seq: int) -> Callable[[Event], bool]:
    return lambda event: event[0] == "turn" and event[2]["role"] == "bot" and event[2]["in_reply_to"] >= seq


def texts(events: list[Event]) -> list[str]:
    return [data["text"] for name, _, data in events if name == "turn"]


async def test_a_message_is_answered_on_the_stream_and_in_the_record() -> None:
    async with open_web() as (_, web):
        ann = await web.visit()
        assert await ann.say("hello") == 1
        events = await ann.events_until(answers(1))
        assert texts(events) == ["hello", "You said: hello"]
        page = await ann.turns()
        assert [turn["text"] for turn in page["turns"]] == texts(events)
        assert page["conversation"] == ann.conversation


async def test_the_answer_is_previewed_whole_while_it_grows() -> None:
    async with open_web() as (house, web):
        house.node.behaviour.gate, house.node.behaviour.gate_after = asyncio.Event(), 2
        ann = await web.visit()
        await ann.say("one two three")
        previews = await ann.events_until(lambda event: event[0] == "preview" and event[2]["text"] != "")
        assert previews[-1][1:] == (None, {"text": "You said:", "in_reply_to": 1})
        house.node.behaviour.gate.set()
        assert texts(await ann.events_until(answers(1)))[-1] == "You said: one two three"


async def test_a_stream_resumes_at_every_cut_without_loss_or_repeat() -> None:
    async with open_web() as (_, web):
        ann = await web.visit()
        for number in range(4):
            seq = await ann.say(f"message {number}")
            assert seq is not None
            await ann.events_until(answers(seq))
        assert seq is not None
        whole = [event for event in await ann.events_until(answers(seq)) if event[1]]
        for cut in range(len(whole) - 1):
            rest = [event for event in await ann.events_until(answers(seq), whole[cut][1]) if event[1]]
            assert whole[: cut + 1] + rest == whole


async def test_the_same_id_is_stored_once_however_often_and_at_once_it_is_sent() -> None:
    async with open_web() as (_, web):
        ann = await web.visit()
        assert await asyncio.gather(*(ann.say("hello", "one") for _ in range(10))) == [1] * 10
        assert (await ann.post("messages", {"id": "one", "text": "other"}))[0] == 409
        await ann.events_until(answers(1))
        assert len((await ann.turns())["turns"]) == 2


async def test_stop_keeps_what_was_shown() -> None:
    async with open_web() as (house, web):
        house.node.behaviour.gate, house.node.behaviour.gate_after = asyncio.Event(), 2
        ann = await web.visit()
        await ann.say("a long story")
        await ann.events_until(lambda event: event[0] == "preview" and event[2]["text"] == "You said:")
        assert await ann.post("stop") == (202, {})
        stopped = (await ann.events_until(answers(1)))[-1][2]
        assert (stopped["text"], stopped["state"]) == ("You said:", "stopped")


async def test_a_new_conversation_is_announced_on_the_open_stream() -> None:
    async with open_web() as (_, web):
        ann = await web.visit()
        await ann.say("hello")
        cursor = (await ann.events_until(answers(1)))[-1][1]
        status, opened = await ann.post("new")
        assert status == 201
        heard = await ann.events_until(lambda event: event[0] == "status" and event[2]["name"] == "opened", cursor)
        assert heard[-1][2]["conversation"] == opened["conversation"] != ann.conversation
        assert await ann.say("again") == 1


async def test_commands_typed_as_text_leave_no_turn() -> None:
    async with open_web() as (_, web):
        ann = await web.visit()
        assert await ann.say("/new") is None
        assert (await ann.turns())["turns"] == []


async def test_a_rating_reaches_the_record_and_a_strangers_turn_is_not_found() -> None:
    async with open_web() as (_, web):
        ann, bob = await web.visit(), await web.visit()
        await ann.say("hello")
        turn = (await ann.events_until(answers(1)))[-1][2]["id"]
        assert (await ann.post("rate", {"turn": turn, "value": 1}))[0] == 204
        assert (await ann.post("rate", {"turn": turn, "value": -1, "reason": "changed my mind"}))[0] == 204
        assert (await bob.post("rate", {"turn": turn, "value": -1}))[0] == 404
        assert (await ann.post("rate", {"turn": turn + "0", "value": 1}))[0] == 404


ODD = ["a\x00b", "x" * 10_000, "\u202e\u05e9\u05dc", "😀" * 50, "'; DROP TABLE turn; --", "%s {} \\", "a\ufffeb\uffff"]


@pytest.mark.parametrize("text", ODD, ids=[repr(text[:12]) for text in ODD])
async def test_odd_text_goes_through_the_whole_house(text: str) -> None:
    async with open_web() as (_, web):
        ann = await web.visit()
        await ann.say(text)
        answer = (await ann.events_until(answers(1)))[-1][2]["text"]
        kept = (await ann.turns())["turns"][0]["text"]
        assert kept == clean(text)
        assert answer.startswith(f"You said: {kept[:100]}")  # more than the window holds is folded for the model


async def test_a_strangers_cursor_is_refused() -> None:
    async with open_web() as (_, web):
        ann, bob = await web.visit(), await web.visit()
        await ann.say("hello")
        cursor = (await ann.events_until(answers(1)))[-1][1]
        async with web.http.get("/api/chat/events", headers=bob.headers | {"Last-Event-ID": str(cursor)}) as response:
            assert response.status == 400


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(["say", "say", "say", "new", "stop"]), st.text("abc é😀", min_size=1, max_size=4)
    ),
    max_size=12,
)


@settings(max_examples=12, deadline=None)
@given(STEPS)
def test_a_valid_token_sees_only_its_own_turns(steps: list[tuple[int, str, str]]) -> None:
    asyncio.run(interleave(steps))


async def interleave(steps: list[tuple[int, str, str]]) -> None:
    async with open_web(store=MemoryStore()) as (_, web):
        visits = [await web.visit() for _ in range(3)]
        heard: list[list[Event]] = [[], [], []]
        listening = [asyncio.create_task(listen(visit, into)) for visit, into in zip(visits, heard, strict=True)]
        for who, act, text in steps:
            if act == "say":
                await visits[who].say(f"{who}:{text}")
            else:
                await visits[who].post(act)
        for who, visit in enumerate(visits):
            seq = await visit.say(f"{who}:the end")
            await visit.events_until(answers(seq or 0))
            page = await visit.turns()
            assert all(f"{who}:" in turn["text"] for turn in page["turns"] if turn["text"])
        for task in listening:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*listening)
        for who, events in enumerate(heard):
            shown = [data.get("text", "") for _, _, data in events]
            assert all(f"{who}:" in text or "You said:".startswith(text) for text in shown)


async def listen(visit: Visit, into: list[Event]) -> None:
    async for event in visit.events():
        into.append(event)  # noqa: PERF401  it never ends: what came must be there when it is cancelled

"""A valid token sees only its own turns, whatever the others do in between."""

import asyncio
from collections import defaultdict
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web_desk import MemoryDesk, Room
from tests.web_server import Event, Web

VISITORS = 4
STEPS = st.lists(
    st.tuples(
        st.integers(0, VISITORS - 1),
        st.sampled_from(["say", "repeat", "new", "stop", "rate", "press", "resume"]),
        st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=12),
    ),
    max_size=25,
)


def owned(room: Room, seq: int, text: str) -> None:
    room.add("bot", f"answer to {text}", in_reply_to=seq)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_a_valid_token_sees_only_its_own_turns(steps: list[tuple[int, str, str]]) -> None:
    asyncio.run(play(steps))


async def play(steps: list[tuple[int, str, str]]) -> None:
    memory = MemoryDesk(owned)
    async with Web(memory, memory, memory) as web:
        visits = [await web.visit() for _ in range(VISITORS)]
        said: dict[int, list[str]] = defaultdict(list)
        cursors: dict[int, str] = {}
        turns: dict[int, list[Any]] = defaultdict(list)
        for who, act, text in steps:
            visit = visits[who]
            mine = f"{who}:{text}"
            if act == "say":
                await visit.say(mine)
                said[who].append(mine)
            elif act == "repeat":
                status, _ = await visit.post("messages", {"id": text, "text": mine})
                assert status == 202
                if mine not in said[who]:
                    said[who].append(mine)
            elif act in {"new", "stop"}:
                await visit.post(act)
            elif act in {"rate", "press"}:
                strangers = turns[(who + 1) % VISITORS]
                body = {"turn": strangers[-1]["id"] if strangers else text, "value": 1, "id": text, "button": "any"}
                assert (await visit.post(act, body))[0] == 404
            else:
                stranger = cursors.get((who + 1) % VISITORS)
                if stranger:
                    async with web.http.get("/api/chat/events", headers=visit.headers | {"Last-Event-ID": stranger}) as response:
                        assert response.status == 400
            page = await visit.turns()
            cursors[who], turns[who] = page["cursor"], page["turns"]
            assert {turn["text"].removeprefix("answer to ") for turn in page["turns"]} <= set(said[who])
        for who, (visit, room) in enumerate(zip(visits, memory.rooms.values(), strict=True)):
            end = f"{room.name}-{len(room.log)}"
            heard = await visit.events_until(partial(is_at, end))
            assert {data["text"].removeprefix("answer to ") for name, _, data in heard if name == "turn"} <= set(said[who])


def is_at(cursor: str, event: Event) -> bool:
    return event[1] == cursor

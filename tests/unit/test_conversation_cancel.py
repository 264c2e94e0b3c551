"""Whoever does not want an answer any more frees what the node holds for it, at whatever point it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from bot.store.bulletin import Topic
from tests.house import House, open_house

BOUND_S = 0.5


async def stop(house: House) -> None:
    await house.stop("ann")


async def begin_anew(house: House) -> None:
    await house.begin_anew("ann")


async def lose_the_lease(house: House) -> None:
    """Another process takes the conversation over, and says so."""
    moved = "UPDATE conversation SET epoch = epoch + 1, lease_owner = 'other' RETURNING conversation_id"
    conversation_id = await house.store.write(lambda connection: connection.exec_driver_sql(moved).scalar())
    house.store.bulletin.post(Topic.SUPERSEDED, str(conversation_id))


@pytest.mark.parametrize("after", [0, 2], ids=["before the first token", "in mid-answer"])
@pytest.mark.parametrize("end", [stop, begin_anew, lose_the_lease])
async def test_the_nodes_slot_is_free_at_once(end: Callable[[House], Awaitable[None]], after: int) -> None:
    async with open_house() as house:
        house.node.behaviour.gate, house.node.behaviour.gate_after = asyncio.Event(), after
        await house.hear("ann", "one two three")
        await house.until(lambda: house.node.running == 1)
        if after:
            await house.until(lambda: house.previews.texts[-1:] == ["You said:"])
        began = time.monotonic()
        await end(house)
        await house.until(lambda: house.node.running == 0)
        took_s = time.monotonic() - began
        print(f"freed after {took_s * 1000:.0f} ms")
        assert took_s < BOUND_S
        await house.until(lambda: house.worker.in_flight == 0)


async def test_a_question_that_is_stopped_in_line_is_never_asked() -> None:
    async with open_house() as house:
        house.node.behaviour.slots, house.node.behaviour.gate = 1, asyncio.Event()
        await house.hear("bob", "the first")
        await house.until(lambda: house.node.running == 1)
        await house.hear("ann", "not any more")
        await house.until(lambda: "generation_refused_total{" in house.metrics.exposition().decode())
        await house.stop("ann")
        house.node.behaviour.gate.set()
        await house.answer("bob", 1)
        await house.hear("cat", "the next")
        await house.answer("cat", 1)
        assert [messages[-1]["content"] for messages in house.node.prompts] == ["the first", "the next"]

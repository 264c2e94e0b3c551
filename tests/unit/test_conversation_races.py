"""What happens in the narrow places between two steps of an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa

from bot.conversation.claiming import OpenQuestion, take_due
from bot.conversation.memory import Memory
from bot.conversation.storing import drop_preview, give_back, store_answer, store_stopped
from bot.store import controls, conversations, outbox
from bot.store.bulletin import Topic
from bot.store.memory import MemoryStore
from bot.store.parties import AccountRef
from bot.store.tables import outbox as table
from bot.store.tables import reply_trace
from tests.delivery_scene import settle_scene
from tests.house import House, address, open_house


class Interposed(MemoryStore):
    """Does something else just before a unit runs, once."""

    def __init__(self, unit: Callable[..., Any]) -> None:
        super().__init__()
        self._unit = unit
        self.first: Callable[[], Awaitable[Any]] | None = None

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if unit is self._unit and self.first is not None:
            first, self.first = self.first, None
            await first()
        return await super().write(unit, *args, **kwargs)


async def shown(house: House, who: str) -> str | None:
    page = await house.record.turns(address(who), 0)
    preview = house.previews.current(page.cursor.rpartition("-")[0])
    return preview.text if preview is not None else None


async def test_a_message_that_comes_while_a_failed_answer_is_given_back_is_taken() -> None:
    store = Interposed(give_back)
    async with open_house(store) as house:
        house.node.behaviour.fault = "cut"

        async def write_again() -> None:
            house.node.behaviour.fault = ""
            assert (await house.hear("ann", "are you there?")).seq == 2

        store.first = write_again
        await house.hear("ann", "hello")
        assert (await house.answer("ann", 2)).in_reply_to == 2


async def test_a_stop_that_meets_a_finished_answer_keeps_what_was_shown_and_ends_its_preview() -> None:
    store = Interposed(store_answer)
    async with open_house(store) as house:
        store.first = lambda: house.stop("ann")
        await house.hear("ann", "hello")
        turn = await house.answer("ann", 1)
        assert (turn.text, turn.state) == ("You said: hello", "stopped")
        await house.until(lambda: house.worker.in_flight == 0)
        assert await shown(house, "ann") is None


async def test_a_new_conversation_that_meets_a_finished_answer_ends_its_preview() -> None:
    store = Interposed(store_answer)
    async with open_house(store) as house:
        store.first = lambda: house.begin_anew("ann")
        await house.hear("ann", "hello")
        await house.until(lambda: store.first is None and house.worker.in_flight == 0)
        assert await house.dialogue("ann") == []
        assert await shown(house, "ann") is None


async def test_what_a_stop_keeps_late_breaks_the_window_of_the_question_after() -> None:
    store = Interposed(store_stopped)
    async with open_house(store) as house:
        house.node.behaviour.gate, house.node.behaviour.gate_after = asyncio.Event(), 2

        async def ask_again() -> None:
            await house.hear("ann", "second")
            await house.until(lambda: len(house.node.prompts) == 2)

        store.first = ask_again
        await house.hear("ann", "first")
        await house.until(lambda: house.previews.texts[-1:] == ["You said:"])
        await house.stop("ann")
        await house.answer("ann", 1)
        house.node.behaviour.gate.set()
        await house.answer("ann", 2)
        await house.hear("ann", "third")
        await house.answer("ann", 4)
        breaks = await store.read(lambda c: c.scalars(sa.select(reply_trace.c.window_break).order_by(reply_trace.c.seq)).all())
        assert breaks == ["stop", "late_stop"]


async def test_a_database_error_that_nobody_foresaw_costs_a_moment_and_not_the_worker() -> None:
    store = Interposed(take_due)
    async with open_house(store) as house:

        async def fail() -> None:
            raise sa.exc.DataError("claim", {}, ValueError("out of range"))

        store.first = fail
        await house.until(lambda: store.first is None)
        await house.hear("ann", "hello")
        await house.answer("ann", 1)


async def test_a_late_word_of_an_earlier_stop_does_not_end_a_valid_answer() -> None:
    store = Interposed(conversations.renew)
    async with open_house(store) as house:
        house.node.behaviour.gate = asyncio.Event()
        receipt = await house.hear("ann", "hello")
        await house.until(lambda: house.node.running == 1)
        compared = asyncio.Event()

        async def note() -> None:
            compared.set()

        store.first = note
        store.bulletin.deliver(Topic.SUPERSEDED, receipt.conversation_id)
        await asyncio.wait_for(compared.wait(), 1)
        house.node.behaviour.gate.set()
        await house.answer("ann", 1)
        assert len(house.node.prompts) == 1


def claimed(store: MemoryStore, ref: AccountRef) -> Awaitable[tuple[OpenQuestion, ...]]:
    return store.write(take_due, Memory(), ref.account_id, store.process_id, lease_s=0.0, room=1)


async def test_what_a_successor_has_taken_on_is_not_taken_away_by_a_late_end() -> None:
    store = MemoryStore()
    ref, lanes = await store.write(settle_scene, ["room"])
    lane = lanes["room"]
    await store.write(conversations.hear, lane.workspace_id, lane.conversation_id, wait_s=0.0)
    (late,) = await claimed(store, ref)
    (successor,) = await claimed(store, ref)
    assert (successor.outbox_id, successor.claim.epoch) == (late.outbox_id, late.claim.epoch + 1)
    await store.write(drop_preview, late)
    assert await store.read(outbox.is_reserved, lane, successor.outbox_id, epoch=successor.claim.epoch)
    await store.write(drop_preview, successor)
    assert not await store.read(outbox.is_reserved, lane, successor.outbox_id, epoch=successor.claim.epoch)


async def test_what_a_stop_keeps_becomes_a_message_of_its_own_when_the_next_answer_has_the_preview() -> None:
    store = MemoryStore()
    ref, lanes = await store.write(settle_scene, ["room"])
    lane = lanes["room"]
    await store.write(conversations.hear, lane.workspace_id, lane.conversation_id, wait_s=0.0)
    (stopped,) = await claimed(store, ref)
    await store.write(controls.stop, lane.workspace_id, lane.conversation_id)
    await store.write(conversations.hear, lane.workspace_id, lane.conversation_id, wait_s=0.0)
    (following,) = await claimed(store, ref)
    assert following.outbox_id == stopped.outbox_id
    assert await store.write(store_stopped, stopped, 1, "half of it", ("half of it",))
    assert await store.read(outbox.is_reserved, lane, following.outbox_id, epoch=following.claim.epoch)
    rows = await store.read(lambda c: c.execute(sa.select(table.c.state, table.c.text).order_by(table.c.outbox_id)).all())
    assert [tuple(row) for row in rows] == [("reserved", ""), ("ready", "half of it")]

"""The outbox's state table, statement by statement, on every database."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest
import sqlalchemy as sa

from bot.errors import Superseded
from bot.store import accounts, message_map, outbox, outbox_state, outcomes, placeholders, sending, withdrawal
from bot.store.ids import ProcessId
from bot.store.message_map import TurnPart
from bot.store.outbox import Lane
from bot.store.parties import AccountRef
from bot.store.sending import Head, Sending
from bot.store.store import Store
from bot.store.tables import outbox as table
from tests.contract.stores import KINDS, open_store
from tests.delivery_scene import answer, say, settle_scene

T = TypeVar("T")


@dataclass
class Desk:
    store: Store
    ref: AccountRef
    lanes: dict[str, Lane]

    async def do(self, unit: Callable[..., T], *args, **kwargs) -> T:
        return await self.store.write(unit, *args, **kwargs)

    async def heads(self, room: int = 10) -> list[Head]:
        return list(await self.store.read(sending.heads, self.ref, room=room))

    async def begin(self, *, repeat: bool = False) -> Sending:
        row = await self.do(
            sending.begin, self.ref, (await self.heads())[0], self.store.process_id, bound_s=60, counts_repeat=repeat
        )
        assert row is not None
        return row

    async def states(self) -> list[str]:
        return list(await self.store.read(lambda c: c.scalars(sa.select(table.c.state).order_by(table.c.outbox_id)).all()))

    async def row(self):
        return await self.store.read(lambda c: c.execute(sa.select(table)).one())


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_store(request.param, request) as store:
        ref, lanes = await store.write(settle_scene, ["ann", "bob"])
        assert await store.write(accounts.hold, ref, store.process_id, lease_s=30)
        yield Desk(store, ref, lanes)


async def test_an_answer_is_reserved_previewed_published_sent_and_mapped(desk: Desk) -> None:
    lane = desk.lanes["ann"]
    reserved = await desk.do(outbox.reserve, lane, epoch=1, reply_to="7")
    assert await desk.heads() == []
    assert await desk.do(placeholders.note_preview, lane.workspace_id, reserved.outbox_id, "m1")
    await desk.do(answer, lane, reserved.outbox_id, ["one", "two"])
    first = await desk.begin()
    assert (first.text, first.platform_id, first.part, first.doubtful) == ("one", "m1", 0, False)
    assert await desk.heads() == []  # the second part waits for the first
    await desk.do(outcomes.record_sent, first, "m1")
    second = await desk.begin()
    assert (second.text, second.platform_id, second.part) == ("two", None, 1)
    await desk.do(outcomes.record_sent, second, "m2")
    assert await desk.states() == ["sent", "sent"]
    found = await desk.store.read(message_map.turn_of, lane.workspace_id, lane.address_id, "m2")
    assert found == TurnPart(lane.conversation_id, 1, 1)
    parts = await desk.store.read(message_map.messages_of, lane.workspace_id, lane.conversation_id, 1)
    assert [part.platform_id for part in parts] == ["m1", "m2"]


async def test_what_is_said_while_an_answer_is_made_goes_before_it_and_not_between_its_parts(desk: Desk) -> None:
    lane = desk.lanes["ann"]
    reserved = await desk.do(outbox.reserve, lane, epoch=1)
    await desk.do(say, lane, ["notice"])
    await desk.do(answer, lane, reserved.outbox_id, ["one", "two"])
    await desk.do(say, lane, ["after"])
    order = []
    while await desk.heads():
        row = await desk.begin()
        order.append(row.text)
        await desk.do(outcomes.record_sent, row, f"m{len(order)}")
    assert order == ["notice", "one", "two", "after"]


async def test_the_row_an_interrupt_or_a_crash_left_is_taken_on_with_its_preview(desk: Desk) -> None:
    lane = desk.lanes["ann"]
    first = await desk.do(outbox.reserve, lane, epoch=1)
    await desk.do(placeholders.note_preview, lane.workspace_id, first.outbox_id, "m1")
    second = await desk.do(outbox.reserve, lane, epoch=2)
    assert (second.outbox_id, second.platform_id) == (first.outbox_id, "m1")
    assert await desk.store.read(outbox.find_reserved, lane) == second
    showing = placeholders.showing
    assert await desk.store.read(showing, lane.workspace_id, first.outbox_id, epoch=1) is None
    assert await desk.store.read(showing, lane.workspace_id, first.outbox_id, epoch=2) == second


async def test_a_row_is_published_once(desk: Desk) -> None:
    reserved = await desk.do(outbox.reserve, desk.lanes["ann"], epoch=1)
    await desk.do(answer, desk.lanes["ann"], reserved.outbox_id, ["one"])
    with pytest.raises(Superseded):
        await desk.do(answer, desk.lanes["ann"], reserved.outbox_id, ["one"])
    assert await desk.states() == ["ready"]


async def test_only_the_first_row_of_each_address_may_go_and_a_blocked_one_blocks_only_its_own(desk: Desk) -> None:
    for chat in ("ann", "bob"):
        await desk.do(say, desk.lanes[chat], ["one", "two"])
    assert len(await desk.heads()) == 2
    row = await desk.begin()
    assert [head.address_id for head in await desk.heads()] != [row.address_id]
    await desk.do(outcomes.record_in_doubt, row, wait_s=60, why="timeout")
    assert len(await desk.heads()) == 1


async def test_a_limited_chat_waits_as_a_whole_and_says_when_it_may_go(desk: Desk) -> None:
    await desk.do(say, desk.lanes["ann"], ["one", "two"])
    row = await desk.begin()

    def limited(connection: sa.Connection) -> None:
        outcomes.record_retry(connection, row, wait_s=60, why=outbox_state.CHAT_LIMIT)
        sending.postpone(connection, desk.ref, row.address_id, wait_s=60)

    await desk.do(limited)
    assert await desk.heads() == []
    soonest = await desk.store.read(sending.soonest, desk.ref)
    assert soonest is not None
    assert 50 < soonest <= 60
    (limit,) = await desk.store.read(outbox_state.limits, desk.ref)
    assert (limit.scope, limit.chat_id) == ("chat", "ann")
    assert 50 < limit.wait_s <= 60


async def test_rows_a_dead_process_left_are_in_doubt_and_a_repeat_is_counted_before_it_is_sent(desk: Desk) -> None:
    await desk.do(say, desk.lanes["ann"], ["one"])
    first = await desk.begin()
    assert await desk.do(sending.orphans, desk.ref, overdue_only=True) == 0
    assert await desk.do(sending.orphans, desk.ref, overdue_only=False) == 1
    again = await desk.begin(repeat=True)
    assert again.doubtful
    assert again.repeats == 1
    assert again.first_sent_at == first.first_sent_at
    await desk.do(outcomes.record_retry, again, wait_s=0, why="chat limit")
    assert await desk.states() == ["in_doubt"]  # still in doubt: the first send may have arrived


async def test_news_of_an_older_attempt_changes_nothing_but_late_certainty_counts(desk: Desk) -> None:
    await desk.do(say, desk.lanes["ann"], ["one"])
    first = await desk.begin()
    await desk.do(sending.orphans, desk.ref, overdue_only=False)
    await desk.do(outcomes.record_failed, first, why="late")
    assert await desk.states() == ["in_doubt"]
    second = await desk.begin()
    await desk.do(outcomes.record_sent, first, "m1")
    assert await desk.states() == ["sending"]
    await desk.do(outcomes.record_in_doubt, second, wait_s=0, why="timeout")
    await desk.do(outcomes.record_sent, second, "m2")
    assert await desk.states() == ["sent"]


async def test_what_did_not_arrive_or_was_deleted_is_sent_as_new(desk: Desk) -> None:
    await desk.do(say, desk.lanes["ann"], ["one"])
    row = await desk.begin()
    await desk.do(outcomes.record_in_doubt, row, wait_s=0, why="timeout")
    await desk.do(outcomes.record_absent, await desk.begin())
    row = await desk.begin()
    assert not row.doubtful
    await desk.do(outcomes.record_placed, row, "m1", wait_s=0)
    row = await desk.begin()
    assert row.platform_id == "m1"
    await desk.do(outcomes.record_deleted, row)
    row = await desk.begin()
    assert (row.platform_id, row.repeats) == (None, 0)


async def test_nothing_is_marked_without_the_lease(desk: Desk) -> None:
    await desk.do(say, desk.lanes["ann"], ["one"])
    (head,) = await desk.heads()
    other = ProcessId("other")
    begin = sending.begin
    assert await desk.do(begin, desk.ref, head, other, bound_s=60, counts_repeat=False) is None
    await desk.do(accounts.release, desk.ref, desk.store.process_id)
    assert await desk.do(begin, desk.ref, head, desk.store.process_id, bound_s=60, counts_repeat=False) is None
    assert await desk.states() == ["ready"]


async def test_an_account_is_held_by_one_process_until_its_lease_ends(desk: Desk) -> None:
    mine, other = desk.store.process_id, ProcessId("other")
    assert not await desk.do(accounts.hold, desk.ref, other, lease_s=30)
    assert await desk.do(accounts.renew, desk.ref, mine, lease_s=-1)
    assert await desk.store.read(accounts.holder, desk.ref) is None
    assert await desk.do(accounts.hold, desk.ref, other, lease_s=30)
    assert not await desk.do(accounts.renew, desk.ref, mine, lease_s=30)
    await desk.do(accounts.release, desk.ref, mine)
    assert await desk.store.read(accounts.holder, desk.ref) == other


async def cancel(desk: Desk, chat: str = "ann") -> withdrawal.Cancelled:
    return await desk.do(withdrawal.cancel, desk.lanes[chat], instead="-")


async def test_the_bot_falls_silent_and_only_the_bot(desk: Desk) -> None:
    lane = desk.lanes["ann"]
    reserved = await desk.do(outbox.reserve, lane, epoch=1)
    await desk.do(answer, lane, reserved.outbox_id, ["one", "two"])
    await desk.do(say, lane, ["notice"])
    await desk.do(say, lane, ["from a person"], "agent")
    await desk.do(outbox.reserve, lane, epoch=1)
    assert await cancel(desk) == withdrawal.Cancelled(rows=3, in_doubt=0, sending=False)
    assert sorted(await desk.states()) == ["cancelled", "cancelled", "cancelled", "ready", "ready"]
    assert (await desk.begin()).text == "notice"


async def test_a_preview_on_show_is_removed_before_anything_else_is_said(desk: Desk) -> None:
    lane = desk.lanes["ann"]
    reserved = await desk.do(outbox.reserve, lane, epoch=1)
    await desk.do(placeholders.note_preview, lane.workspace_id, reserved.outbox_id, "m1")
    await cancel(desk)
    await desk.do(say, lane, ["notice"])
    row = await desk.begin()
    assert (row.kind, row.platform_id, row.text) == ("removal", "m1", "-")
    assert not await desk.do(placeholders.note_preview, lane.workspace_id, reserved.outbox_id, "m2")
    await cancel(desk)  # a second take-over does not take the removal back
    await desk.do(outcomes.record_removed, row)
    assert (await desk.begin()).text == "notice"


@pytest.mark.parametrize("shown", [True, False])
async def test_a_row_withdrawn_while_it_is_sent_is_never_sent_again(desk: Desk, shown: bool) -> None:
    lane = desk.lanes["ann"]
    reserved = await desk.do(outbox.reserve, lane, epoch=1)
    if shown:
        await desk.do(placeholders.note_preview, lane.workspace_id, reserved.outbox_id, "m1")
    await desk.do(answer, lane, reserved.outbox_id, ["one"])
    row = await desk.begin()
    assert (await cancel(desk)).sending
    assert await desk.store.read(withdrawal.in_flight, lane)
    await desk.do(outcomes.record_retry, row, wait_s=0, why="chat limit")
    assert not await desk.store.read(withdrawal.in_flight, lane)
    assert await desk.states() == (["ready"] if shown else ["cancelled"])
    assert (await desk.row()).kind == ("removal" if shown else "bot")


async def test_a_row_withdrawn_while_in_doubt_fails_for_people_to_see(desk: Desk) -> None:
    lane = desk.lanes["ann"]
    for settle in ("recorded", "orphaned", "cancelled later"):
        reserved = await desk.do(outbox.reserve, lane, epoch=1)
        await desk.do(answer, lane, reserved.outbox_id, [settle])
        row = await desk.begin()
        if settle == "cancelled later":
            await desk.do(outcomes.record_in_doubt, row, wait_s=0, why="timeout")
        await cancel(desk)
        if settle == "recorded":
            await desk.do(outcomes.record_in_doubt, row, wait_s=0, why="timeout")
        if settle == "orphaned":
            await desk.do(sending.orphans, desk.ref, overdue_only=False)
    assert await desk.states() == ["failed"] * 3
    failed = await desk.store.read(outbox_state.failed, lane.workspace_id, room=10)
    assert sorted(row.error for row in failed) == ["its sender is gone", "withdrawn in doubt", "withdrawn in doubt: timeout"]


async def test_what_failed_and_was_repeated_can_be_seen(desk: Desk) -> None:
    await desk.do(say, desk.lanes["ann"], ["one", "two"])
    await desk.do(outcomes.record_in_doubt, await desk.begin(), wait_s=0, why="timeout")
    await desk.do(outcomes.record_failed, await desk.begin(repeat=True), why="in doubt for too long")
    assert await desk.store.read(outbox_state.repeats) == 1
    (row,) = await desk.store.read(outbox_state.failed, desk.ref.workspace_id, room=10)
    assert (row.channel, row.name, row.error) == ("telegram", "main", "in doubt for too long")

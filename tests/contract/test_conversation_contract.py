"""The conversation's units mean the same on every store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
import sqlalchemy as sa

from bot.commands.menu import all_commands
from bot.conversation.receiving import House, take
from bot.conversation.rollover import keep_summary
from bot.errors import Superseded
from bot.events import (
    AccountKey,
    Author,
    Conflict,
    DeadLettered,
    FreshStartRequested,
    Ignored,
    MessageReceived,
    Receipt,
    Received,
    StopRequested,
    Stored,
    Undecodable,
)
from bot.store import controls, conversations, dialogue, inbox, jobs, parties, summaries, waiting, workspaces
from bot.store.conversations import Claim, WindowState
from bot.store.ids import ProcessId
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.store.summaries import Fold
from bot.store.tables import conversation, turn
from bot.store.times import from_now
from tests.contract.stores import KINDS, open_store
from tests.house import address, open_house

WEB = AccountKey("web", "main")
ME, OTHER = ProcessId("me"), ProcessId("other")
STATE = WindowState(0, 10, "key")


class Desk:
    """A store with one workspace and one account, and short words for the units."""

    def __init__(self, store: Store, ref: AccountRef) -> None:
        self.store, self.ref, self.count = store, ref, 0

    async def receive(self, *events: object, key: str = "") -> list[Receipt]:
        batch = []
        for event in events:
            self.count += 1
            batch.append(Received(WEB, key or f"k{self.count}", repr(event).encode(), event))  # type: ignore[arg-type]
        return (await self.store.write(take, House({WEB: self.ref}, all_commands(), 0.0), batch)).receipts

    async def hear(self, text: str, who: str = "ann", key: str = "") -> Receipt:
        return (await self.receive(MessageReceived(address(who), Author(who), text, datetime.now(UTC)), key=key))[0]

    async def claim(self, process: ProcessId = ME, lease_s: float = 10) -> tuple[Claim, ...]:
        return await self.store.write(conversations.claim, "", process, lease_s=lease_s, room=8)

    async def settle(self, claim: Claim, through: int) -> None:
        await self.store.write(lambda c: conversations.settle(c, claim, through, STATE, wait_s=0))


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_store(request.param, request) as store:
        workspace_id = await store.write(workspaces.seed, "Shop", "UTC", "", "You help.")
        yield Desk(store, await store.write(parties.ensure_account, workspace_id, "web", "main", push=False))


def message(who: str, text: str) -> MessageReceived:
    return MessageReceived(address(who), Author(who), text, datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_batch_is_stored_with_a_receipt_for_each(desk: Desk) -> None:
    receipts = await desk.receive(message("ann", "hi"), Undecodable("no update"), message("bob", " "), message("ann", "there"))
    assert [type(receipt) for receipt in receipts] == [Stored, DeadLettered, Ignored, Stored]
    assert [receipt.seq for receipt in receipts if isinstance(receipt, Stored)] == [1, 2]


async def test_a_key_is_good_for_one_content_for_ever(desk: Desk) -> None:
    (first,) = await desk.receive(message("ann", "hi"), key="one")
    (again,) = await desk.receive(message("ann", "hi"), key="one")
    (other,) = await desk.receive(message("ann", "ho"), key="one")
    assert isinstance(first, Stored)
    assert again == Stored(first.conversation_id, first.seq, repeated=True)
    assert other == Conflict()


async def test_a_due_conversation_is_claimed_by_one(desk: Desk) -> None:
    await asyncio.gather(*(desk.hear("hello", f"c{n}") for n in range(12)))
    taken = [claim for claims in await asyncio.gather(*(desk.claim() for _ in range(6))) for claim in claims]
    assert len({claim.conversation_id for claim in taken}) == len(taken) == 12


async def test_an_answer_ends_the_lease_and_what_came_meanwhile_is_due(desk: Desk) -> None:
    await desk.hear("one")
    (claim,) = await desk.claim()
    await desk.hear("two")
    assert await desk.claim() == ()
    await desk.settle(claim, 1)
    (again,) = await desk.claim()
    assert (again.answered_seq, again.epoch) == (1, claim.epoch)


async def test_a_burst_is_collected_for_five_waits_at_most(desk: Desk) -> None:
    await desk.hear("one")
    (claim,) = await desk.claim()
    await desk.settle(claim, 1)
    hear = partial(desk.store.write, conversations.hear, claim.workspace_id, claim.conversation_id, wait_s=60)
    await hear()
    for waited_s, due in ((0, 0), (200, 0), (250, 1)):
        await desk.store.write(lambda c, s=waited_s: c.execute(sa.update(conversation).values(due_since=from_now(-s))))
        await hear()
        assert len(await desk.claim()) == due


async def test_a_lease_that_ran_out_is_taken_over_and_fences_its_holder(desk: Desk) -> None:
    await desk.hear("one")
    (mine,) = await desk.claim(ME, lease_s=0)
    (theirs,) = await desk.claim(OTHER)
    assert theirs.epoch == mine.epoch + 1
    assert theirs.window_break == "takeover"
    with pytest.raises(Superseded):
        await desk.settle(mine, 1)
    await desk.settle(theirs, 1)


async def test_a_renewed_lease_is_not_taken_over(desk: Desk) -> None:
    await desk.hear("one")
    (claim,) = await desk.claim(ME, lease_s=0)
    held = [(claim.workspace_id, claim.conversation_id)]
    kept = await desk.store.write(conversations.renew, held, ME, lease_s=10)
    assert kept == {claim.conversation_id: (claim.epoch, 1)}
    assert await desk.claim(OTHER) == ()
    assert await desk.store.write(conversations.renew, held, OTHER, lease_s=10) == {}


@pytest.mark.parametrize("control", [StopRequested, FreshStartRequested])
async def test_a_control_ends_what_is_due_and_fences_the_answer(desk: Desk, control: type) -> None:
    await desk.hear("one")
    (claim,) = await desk.claim()
    await desk.receive(control(address("ann"), Author("ann"), datetime.now(UTC)))
    assert await desk.claim() == ()
    with pytest.raises(Superseded):
        await desk.settle(claim, 1)


async def test_what_a_stop_left_is_kept_once_and_only_after_a_stop(desk: Desk) -> None:
    await desk.hear("one")
    (claim,) = await desk.claim()
    keep = (controls.keep_stopped, claim, 1, "half")
    assert await desk.store.write(*keep) is None
    await desk.receive(StopRequested(address("ann"), Author("ann"), datetime.now(UTC)))
    assert await desk.store.write(*keep) is not None
    assert await desk.store.write(*keep) is None


async def test_a_summary_that_comes_after_the_window_was_folded_there_is_dropped(desk: Desk) -> None:
    await desk.hear("one")
    (claim,) = await desk.claim()
    await desk.store.write(lambda c: conversations.settle(c, claim, 1, replace(STATE, folded_seq=2), wait_s=0))
    await desk.store.write(jobs.add, claim.workspace_id, "summarise", claim.conversation_id)
    (job,) = await desk.store.write(jobs.claim, ME, lease_s=10, room=1)
    await desk.store.write(keep_summary, job, ME, Fold(2, 1, 50, "late"))
    assert await desk.store.read(summaries.newer, claim.workspace_id, claim.conversation_id, 0) is None
    assert await desk.store.write(jobs.claim, ME, lease_s=10, room=1) == ()


async def test_an_interrupt_keeps_the_lease_at_a_new_epoch(desk: Desk) -> None:
    await desk.hear("one")
    (claim,) = await desk.claim()
    again = await desk.store.write(conversations.interrupt, claim)
    assert (again.epoch, again.interrupts) == (claim.epoch + 1, 1)
    with pytest.raises(Superseded):
        await desk.store.write(conversations.interrupt, claim)
    await desk.settle(again, 1)


async def test_who_waits_is_noticed_once_and_expires_once(desk: Desk) -> None:
    await desk.hear("one")
    (one,) = await desk.store.read(waiting.unnoticed, ME, (), older_than_s=-1, room=5)
    assert await desk.store.write(waiting.mark_noticed, *one, older_than_s=-1) is not None
    assert await desk.store.write(waiting.mark_noticed, *one, older_than_s=-1) is None
    assert await desk.store.read(waiting.unnoticed, ME, (), older_than_s=-1, room=5) == []
    assert await desk.store.read(waiting.overdue, older_than_s=-1, room=5) == [one]
    assert await desk.store.write(waiting.expire, *one, older_than_s=-1) is not None
    assert await desk.store.write(waiting.expire, *one, older_than_s=-1) is None
    assert await desk.claim() == ()


async def test_what_was_asked_lately_outlives_what_expires(desk: Desk) -> None:
    await desk.hear("old")
    for aged in (sa.update(turn).values(created_at=from_now(-100)), sa.update(conversation).values(due_since=from_now(-100))):
        await desk.store.write(lambda c, aged=aged: c.execute(aged))
    await desk.hear("fresh")
    (one,) = await desk.store.read(waiting.overdue, older_than_s=50, room=5)
    assert await desk.store.write(waiting.expire, *one, older_than_s=50) is not None
    assert await desk.store.read(waiting.overdue, older_than_s=50, room=5) == []
    (claim,) = await desk.claim()
    assert (claim.answered_seq, claim.window_break) == (1, "expired")
    assert (datetime.now(UTC) - claim.due_since).total_seconds() < 50


async def test_who_waits_is_found_behind_those_who_watch_an_answer_and_those_whom_others_answer(desk: Desk) -> None:
    watched, theirs, waits = [(await desk.hear("hello", who)).conversation_id for who in ("ann", "bob", "zoe")]
    await desk.store.write(
        lambda c: c.execute(sa.update(conversation).where(conversation.c.conversation_id == theirs).values(lease_owner=OTHER))
    )
    found = await desk.store.read(waiting.unnoticed, ME, [watched], older_than_s=-1, room=1)
    assert [conversation_id for _, conversation_id in found] == [waits]


async def test_the_log_of_an_address_goes_on_over_conversations(desk: Desk) -> None:
    await desk.hear("one")
    await desk.receive(FreshStartRequested(address("ann"), Author("ann"), datetime.now(UTC)))
    await desk.hear("two")
    found = await desk.store.read(parties.find_address, desk.ref, address("ann"))
    assert found is not None
    events = (await desk.store.read(dialogue.events, desk.ref.workspace_id, found, 0, room=20)).entries
    assert [(event.position, event.kind, event.detail or event.text) for event in events] == [
        (1, "status", "opened"),
        (2, "turn", "one"),
        (3, "status", "closed"),
        (4, "status", "opened"),
        (5, "turn", "two"),
    ]


async def test_times_come_back_as_they_went(desk: Desk) -> None:
    before = datetime.now(UTC)
    await desk.hear("one")
    (claim,) = await desk.claim()
    assert abs((claim.due_since - before).total_seconds()) < 5
    assert claim.due_since.utcoffset() == before.utcoffset()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_update_that_cannot_be_stored_becomes_a_dead_letter_and_holds_nobody_up(
    kind: str, request: pytest.FixtureRequest
) -> None:
    async with open_store(kind, request) as store, open_house(store, running=False) as house:
        batch = [Received(WEB, text, b"raw", message("ann", text)) for text in ("one", "bad", "three")]
        batch[1] = replace(batch[1], event=message("ann", "half a pair: \ud800"))
        receipts = await house.intake.receive(batch)
        assert [type(receipt) for receipt in receipts] == [Stored, DeadLettered, Stored]
        assert [type(receipt) for receipt in await house.intake.receive(batch[1:2])] == [Ignored]
        assert await store.read(inbox.dead_letters, house.ref.workspace_id) == 1
        assert await house.dialogue("ann") == [("customer", "one"), ("customer", "three")]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_update_whose_place_is_taken_for_good_becomes_a_dead_letter_too(
    kind: str, request: pytest.FixtureRequest
) -> None:
    async with open_store(kind, request) as store, open_house(store, running=False) as house:
        await house.hear("ann", "one")
        await store.write(lambda c: c.execute(sa.update(conversation).values(last_event=conversation.c.last_event - 1)))
        batch = [Received(WEB, who, b"raw", message(who, "hello")) for who in ("ann", "bob")]
        receipts = await house.intake.receive(batch)
        assert [type(receipt) for receipt in receipts] == [DeadLettered, Stored]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_whole_dialogue_runs_on_every_store(kind: str, request: pytest.FixtureRequest) -> None:
    async with open_store(kind, request) as store, open_house(store) as house:
        for number, who in ((1, "ann"), (1, "bob"), (3, "ann")):
            await house.hear(who, f"{who} {number}")
            await house.answer(who, number)
        assert await house.dialogue("ann") == [
            ("customer", "ann 1"),
            ("bot", "You said: ann 1"),
            ("customer", "ann 3"),
            ("bot", "You said: ann 3"),
        ]
        rows = await store.read(lambda c: c.execute(sa.text("SELECT count(*) FROM reply_trace")).scalar())
        assert rows == 3

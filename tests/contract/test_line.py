"""Whoever waits long is told their place: pull channels as it changes, push channels once for each question, nobody too late."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from bot.commands.menu import all_commands
from bot.conversation.counters import NoCounters
from bot.conversation.line import Line, tell_place
from bot.conversation.receiving import House, take
from bot.events import AccountKey, Author, ChannelAddress, MessageReceived, Received
from bot.store import conversations, line, parties, workspaces
from bot.store.conversations import Claim, WindowState
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.store.tables import address, conversation, turn
from bot.store.tables import outbox as outbox_table
from bot.views import PlaceShown
from tests.contract.stores import open_store

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Wicket:
    """A web and a telegram account, a node of our own hand, and the clock of the looks."""

    store: Store
    refs: dict[str, AccountRef]
    now: float = 0.0
    asked: int = 0
    claims: list[Claim] = field(default_factory=list)

    def __post_init__(self) -> None:
        held = [ref.route for ref in self.refs.values() if ref.route]
        self.line = Line(self.store, NoCounters(), lambda: held, answer_within_s=900, clock=lambda: self.now)

    async def ask(self, channel: str, who: str) -> None:
        """A question, asked ten seconds ago."""
        self.asked += 1
        ref, key = self.refs[channel], AccountKey(channel, "main")
        event = MessageReceived(ChannelAddress(channel, "main", who), Author(who), "what?", NOW, f"m{self.asked}")
        await self.store.write(take, House({key: ref}, all_commands(), 0.0), [Received(key, str(self.asked), b"", event)])
        aged = conversation.update().where(conversation.c.due_since > datetime.now(UTC) - timedelta(seconds=5))
        since = datetime.now(UTC) - timedelta(seconds=10) + timedelta(milliseconds=self.asked)
        await self.store.write(lambda c: c.execute(aged.values(due_since=since)))

    async def begin(self, channel: str, number: int) -> None:
        process = self.store.process_id
        self.claims += await self.store.write(conversations.claim, self.refs[channel].route, process, lease_s=60, room=number)

    async def finish(self) -> None:
        for claim in self.claims:
            await self.store.write(conversations.settle, claim, 99, WindowState(0, 1, "k"), wait_s=0.0)
        self.claims = []

    async def answer_steadily(self, channel: str, *, looks: int) -> None:
        """One question each two seconds."""
        for _ in range(looks):
            await self.begin(channel, 1)
            await self.look()
            await self.finish()

    async def look(self) -> None:
        self.now += 2.0
        await self.line.look()

    async def place_of(self, who: str) -> PlaceShown | None:
        of = sa.select(address.c.address_id).where(address.c.chat_id == who)
        return self.line.current(await self.store.read(lambda c: c.scalar(of)))

    async def notices(self) -> list[str]:
        said = sa.select(turn.c.text).where(turn.c.role == "system").order_by(turn.c.created_at)
        return list(await self.store.read(lambda c: c.scalars(said).all()))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def wicket(request: pytest.FixtureRequest) -> AsyncIterator[Wicket]:
    async with open_store(request.param, request) as store:
        workspace_id = await store.write(workspaces.seed, "Shop", "UTC", "", "You help.")
        refs = {
            channel: await store.write(parties.ensure_account, workspace_id, channel, "main", push=channel != "web")
            for channel in ("web", "telegram")
        }
        yield Wicket(store, refs)


async def test_a_long_wait_on_the_web_is_shown_and_goes_down_to_its_end(wicket: Wicket) -> None:
    for number in range(30):
        await wicket.ask("web", f"c{number}")
    await wicket.answer_steadily("web", looks=6)
    heard, seen = [], []
    last = await wicket.place_of("c29")
    with wicket.line.listen((await wicket.store.read(address_of, "c29")), lambda: heard.append(1)):
        assert last is not None
        assert last.text == "You are number 24 in line, about 50 seconds"
        for _ in range(24):
            await wicket.answer_steadily("web", looks=1)
            shown = await wicket.place_of("c29")
            seen.append(int(shown.text.split()[3]) if shown is not None else 0)
    assert seen == sorted(seen, reverse=True)
    assert len(heard) >= 20
    assert seen[-1] == 0, "told a place after the answer had begun"
    assert await wicket.notices() == [], "the web is not told by messages"


async def test_a_place_that_was_shown_does_not_go_up_when_a_refused_question_comes_back(wicket: Wicket) -> None:
    for number in range(30):
        await wicket.ask("web", f"c{number}")
    await wicket.answer_steadily("web", looks=6)
    await wicket.begin("web", 1)
    await wicket.look()
    before = await wicket.place_of("c29")
    await wicket.store.write(conversations.release, wicket.claims.pop(), wait_s=0.0, reason="retry", tried=False)
    await wicket.look()
    after = await wicket.place_of("c29")
    assert before is not None
    assert after is not None
    assert before.text.startswith("You are number 23 in line")
    assert after.text.startswith("You are number 23 in line")


async def test_a_short_wait_is_not_told(wicket: Wicket) -> None:
    for number in range(9):
        await wicket.ask("telegram" if number % 2 else "web", f"c{number}")
    for _ in range(2):
        await wicket.answer_steadily("web", looks=1)
        await wicket.answer_steadily("telegram", looks=1)
    await wicket.look()
    assert [await wicket.place_of(f"c{number}") for number in range(9)] == [None] * 9
    assert await wicket.notices() == []


async def test_a_push_channel_is_told_once_for_each_question_and_answers_go_on(wicket: Wicket) -> None:
    for number in range(20):
        await wicket.ask("telegram", f"c{number}")
    await wicket.answer_steadily("telegram", looks=5)
    told = await wicket.notices()
    assert told
    assert told[0].startswith("Many people are asking at the moment. You are number ")
    await wicket.answer_steadily("telegram", looks=4)
    assert await wicket.notices() == told
    sent = await wicket.store.read(lambda c: c.execute(sa.select(outbox_table.c.kind, outbox_table.c.reply_to)).all())
    assert {(row.kind, row.reply_to is not None) for row in sent} == {("system", True)}
    assert len(sent) == len(told) < 20


async def test_the_notice_of_a_question_whose_answer_has_begun_is_not_said(wicket: Wicket) -> None:
    await wicket.ask("telegram", "ann")
    (question,) = await wicket.store.read(line.front, room=5)
    assert 9 <= question.waited_s <= 30
    assert not question.answering
    await wicket.begin("telegram", 1)
    assert (await wicket.store.read(line.front, room=5))[0].answering
    assert await wicket.store.write(tell_place, question, "You are number 1") is None
    await wicket.store.write(conversations.release, wicket.claims[0], wait_s=0.0, reason="retry", tried=False)
    assert await wicket.store.write(tell_place, question, "You are number 1") is not None
    assert await wicket.store.write(tell_place, question, "You are number 1") is None


async def test_who_is_refused_or_waits_for_another_try_comes_back_to_their_place(wicket: Wicket) -> None:
    for who in ("first", "second", "third"):
        await wicket.ask("web", who)
    await wicket.begin("web", 1)
    first = wicket.claims.pop()
    await wicket.store.write(conversations.release, first, wait_s=0.0, reason="retry", tried=False)
    await wicket.begin("web", 1)
    assert (wicket.claims[0].conversation_id, wicket.claims[0].attempts) == (first.conversation_id, 1)
    await wicket.store.write(conversations.release, wicket.claims.pop(), wait_s=60.0, reason="retry")
    await wicket.begin("web", 1)
    assert wicket.claims[0].conversation_id != first.conversation_id, "who waits for a further try lets others pass"
    front = await wicket.store.read(line.front, room=2)
    assert [question.conversation_id for question in front] == [first.conversation_id, wicket.claims[0].conversation_id]


def address_of(connection: sa.Connection, who: str) -> str:
    return str(connection.scalar(sa.select(address.c.address_id).where(address.c.chat_id == who)))

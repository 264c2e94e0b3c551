"""Two processes on PostgreSQL: what a person changes while the other process is about to commit."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
import sqlalchemy as sa

from bot.commands.menu import all_commands
from bot.conversation.receiving import House, take
from bot.conversation.storing import Finished, store_answer
from bot.events import Event, MessageDeleted, MessageEdited, MessageReceived, Received
from bot.store.conversations import WindowState
from bot.store.postgres import PostgresStore
from bot.store.tables import conversation
from tests.contract.channel_desk import ANN, KEY, NOW, ROOM, TRACE, Desk, open_desk

WITHIN_S = 30
WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_desk("postgres", request) as made:
        yield made


@pytest.fixture
async def other(desk: Desk, postgres_url: str) -> AsyncIterator[PostgresStore]:
    """The other process."""
    store = await PostgresStore.open(sa.make_url(postgres_url))
    yield store
    await store.close()


async def race(desk: Desk, other: PostgresStore, first: Callable[[sa.Connection], object], event: Event) -> None:
    """`event` is received here while the other process has done `first`, and has not committed it."""
    done, commit = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def held(connection: sa.Connection) -> None:
        first(connection)
        loop.call_soon_threadsafe(done.set)
        assert commit.wait(WITHIN_S)

    async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(other.write(held))
        await done.wait()
        receiving = tasks.create_task(desk.receive(event))
        while not receiving.done() and not await other.read(lambda c: c.scalar(WAITING)):
            await asyncio.sleep(0)
        commit.set()


async def test_an_edit_that_meets_the_commit_of_the_answer_asks_nothing_anew(desk: Desk, other: PostgresStore) -> None:
    await desk.say("whta?", "m1")
    question = await desk.claim()
    done = Finished(question, "well", ("well",), 1, WindowState(0, 1, "k"), TRACE, {}, None, summarise=False)
    edit = MessageEdited(ROOM, ANN, "what?", NOW, "m1")
    await race(desk, other, lambda c: store_answer(c, done, wait_s=0.0), edit)
    assert (1, "what?", "whole", 1) in await desk.texts()
    assert await desk.rows(conversation.c.due_at, conversation.c.window_break) == [(None, "edit")]


async def test_a_message_that_meets_the_deletion_of_the_one_before_it_is_answered(desk: Desk, other: PostgresStore) -> None:
    await desk.say("oh no", "m1")
    another = Received(KEY, "another", b"", MessageReceived(ROOM, ANN, "what?", NOW, "m2"))
    await race(
        desk, other, lambda c: take(c, House({KEY: desk.ref}, all_commands(), 0.0), [another]), MessageDeleted(ROOM, NOW, "m1")
    )
    assert [turn.text for turn in (await desk.claim()).turns] == ["what?"]

"""A database of revision 1 with a dialogue under way goes on after the upgrade."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import migrations
from bot.events import MessageEdited
from bot.store import parties, revision, workspaces
from bot.store.ids import WorkspaceId
from bot.store.postgres import PostgresStore
from bot.store.sqlite import SqliteStore
from bot.store.store import Store
from bot.store.tables import outbox, workspace
from tests.contract.channel_desk import ANN, NOW, ROOM, Desk, sent


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> sa.URL:
    return sa.make_url(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@asynccontextmanager
async def desk_at(url: sa.URL) -> AsyncIterator[Desk]:
    on_file = url.get_backend_name() == "sqlite"
    store: Store = await (SqliteStore.open(Path(url.database or "")) if on_file else PostgresStore.open(url))
    try:
        found = await store.read(lambda c: c.scalar(sa.select(workspace.c.workspace_id)))
        seeded = WorkspaceId(found) if found else await store.write(workspaces.seed, "Shop", "UTC", "Hi!", "You help.", "")
        yield Desk(store, await store.write(parties.ensure_account, seeded, "telegram", "main", push=True))
    finally:
        await store.close()


def move(url: sa.URL, to: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        (command.upgrade if to == revision.HEAD else command.downgrade)(config, to)
    engine.dispose()


async def test_an_answer_that_waited_is_sent_and_an_open_question_answered_after_the_upgrade(url: sa.URL) -> None:
    await asyncio.to_thread(move, url, revision.HEAD)
    async with desk_at(url) as desk:
        await desk.say("one", "m1")
        await desk.answer("first")
        await desk.say("two", "m2")
        await desk.claim()
    await asyncio.to_thread(move, url, "0001")
    await asyncio.to_thread(move, url, revision.HEAD)
    async with desk_at(url) as desk:
        row = await sent(desk, "s1")
        assert (row.text, row.part, row.parts, row.secret) == ("first", 0, 1, None)
        await desk.receive(MessageEdited(ROOM, ANN, "two!", NOW, "m2"))
        await desk.answer("second")
        assert (await sent(desk, "s2")).text == "second"
        assert {state for (state,) in await desk.rows(outbox.c.state)} == {"sent", "cancelled"}

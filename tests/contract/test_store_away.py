"""A PostgreSQL that cuts connections in the middle of anything is "away for now", never another error."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
import sqlalchemy as sa

from bot.errors import StoreUnavailable
from bot.events import Author
from bot.store import controls, conversations, parties, postgres, workspaces
from bot.store.postgres import PostgresStore
from bot.store.prepared import Prepared
from bot.store.tables import workspace
from tests.contract.stores import make_tables
from tests.house import address

LOOK = Prepared(sa.select(workspace.c.name))


def work(connection: sa.Connection) -> int:
    """A unit of both kinds of statements."""
    found = len(LOOK.rows(connection, {}))
    connection.execute(sa.update(workspace).values(greeting="again"))
    return found + len(LOOK.rows(connection, {}))


async def test_cut_connections_are_a_store_that_is_away(postgres_url: str) -> None:
    make_tables(sa.create_engine(postgres_url))
    store = await PostgresStore.open(sa.make_url(postgres_url))
    workspace_id = await store.write(workspaces.seed, "Shop", "UTC", "", "You help.")
    await store.write(parties.ensure_account, workspace_id, "web", "main", push=False)
    url = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    over = asyncio.Event()
    outcomes: list[BaseException | int] = []

    async def ask(unit_of: object) -> None:
        while not over.is_set():
            try:
                outcomes.append(await unit_of(work if unit_of == store.write else names))  # type: ignore[operator]
            except Exception as error:  # noqa: BLE001  what it may be is what is tested
                outcomes.append(error)

    askers = [asyncio.create_task(ask(unit_of)) for unit_of in (store.write, store.read) * 4]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as cutter:
        for _ in range(60):
            await cutter.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.02)  # let them get somewhere before the next cut
    over.set()
    await asyncio.gather(*askers)
    wrong = {repr(one)[:200] for one in outcomes if isinstance(one, BaseException) and not isinstance(one, StoreUnavailable)}
    assert wrong == set()
    assert any(isinstance(one, StoreUnavailable) for one in outcomes)
    assert await store.write(work) == 2
    await store.close()


def names(connection: sa.Connection) -> int:
    return len(LOOK.rows(connection, {}))


async def test_a_unit_that_lost_a_race_is_run_again(postgres_url: str) -> None:
    """A message and a new conversation at the same moment, in two processes."""
    make_tables(sa.create_engine(postgres_url))
    store = await PostgresStore.open(sa.make_url(postgres_url))
    workspace_id = await store.write(workspaces.seed, "Shop", "UTC", "", "You help.")
    ref = await store.write(parties.ensure_account, workspace_id, "web", "main", push=False)
    other, seen = sa.create_engine(postgres_url), []

    def begin(connection: sa.Connection) -> str:
        known = parties.look_up(connection, ref, address("ann"), "ann", "")
        address_id = known.address_id or parties.make_address(connection, ref, address("ann"))
        customer_id = known.customer_id or parties.make_identity(connection, ref, Author("ann"))[1]
        return controls.begin_anew(connection, ref, address_id, customer_id, known.conversation_id)

    def hear(connection: sa.Connection) -> str:
        known = parties.look_up(connection, ref, address("ann"), "ann", "")
        assert known.conversation_id is not None
        seen.append(known.conversation_id)
        if len(seen) == 1:
            with other.begin() as elsewhere:
                begin(elsewhere)
        return conversations.hear(connection, workspace_id, known.conversation_id, wait_s=0).conversation_id

    await store.write(begin)
    assert await store.write(hear) == seen[1] != seen[0]
    other.dispose()
    await store.close()


@asynccontextmanager
async def silent_line(url: sa.URL) -> AsyncIterator[tuple[sa.URL, asyncio.Event]]:
    """A way to the server over which, once the event is set, nothing comes any more on connections that stand."""
    silent, pipes = asyncio.Event(), set[asyncio.Task[None]]()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mute: bool) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65536):
                if silent.is_set() and not mute:
                    await asyncio.Event().wait()
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = f"{url.query['host']}/.s.PGSQL.{url.query.get('port', 5432)}"
        server_reader, server_writer = await asyncio.open_unix_connection(path)
        late = silent.is_set()
        pipes.update(asyncio.create_task(pump(*ends, late)) for ends in ((reader, server_writer), (server_reader, writer)))

    line = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield url.set(host="127.0.0.1", port=line.sockets[0].getsockname()[1], query={}), silent
    line.close()
    for pipe in pipes:
        pipe.cancel()
    await asyncio.gather(*pipes, return_exceptions=True)


async def test_a_server_that_falls_silent_is_hung_up_on_and_met_anew(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SILENT_S", 0.5)
    make_tables(sa.create_engine(postgres_url))
    async with silent_line(sa.make_url(postgres_url)) as (url, silent), asyncio.timeout(20):
        store = await PostgresStore.open(url)
        await asyncio.gather(store.write(work), store.read(names))
        silent.set()
        for unit_of in (store.write, store.read):
            with pytest.raises(StoreUnavailable):
                await unit_of(names)
        assert await store.write(work) == 0
        await store.close()


async def test_a_suspended_process_lets_go_of_the_rows_it_held(postgres_url: str) -> None:
    make_tables(sa.create_engine(postgres_url))
    store = await PostgresStore.open(sa.make_url(postgres_url))
    await store.write(workspaces.seed, "Shop", "UTC", "", "You help.")
    suspended = sa.create_engine(postgres_url, connect_args={"options": "-c idle_in_transaction_session_timeout=1000"})
    with suspended.connect() as held:
        held.execute(sa.update(workspace).values(greeting="held"))
        tries = 0
        async with asyncio.timeout(20):
            while True:
                tries += 1
                with contextlib.suppress(StoreUnavailable):
                    assert await store.write(work) == 2
                    break
        held.invalidate()
    suspended.dispose()
    await store.close()


async def test_a_database_that_became_read_only_is_away(postgres_url: str) -> None:
    make_tables(sa.create_engine(postgres_url))
    store = await PostgresStore.open(sa.make_url(f"{postgres_url}&options=-c%20default_transaction_read_only%3Don"))
    for unit in (lambda c: c.execute(sa.update(workspace).values(greeting="x")), lambda c: CHANGE.run(c, {})):
        with pytest.raises(StoreUnavailable, match="read-only"):
            await store.write(unit)
    await store.close()


CHANGE = Prepared(sa.update(workspace).values(greeting="again"))

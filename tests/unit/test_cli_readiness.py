"""What makes a process ready: its database at its revision, and workers that look for work; never the engine."""

import pytest
import sqlalchemy as sa

from bot.cli.readiness import Claims, Readiness
from bot.errors import StoreUnavailable
from bot.metrics import Metrics
from bot.store.memory import MemoryStore
from bot.store.revision import HEAD


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("bot.cli.readiness.time", made)
    return made


@pytest.fixture
async def store() -> MemoryStore:
    made = MemoryStore()
    await made.write(_mark, HEAD)
    return made


def _mark(connection: sa.Connection, revision: str) -> None:
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
    connection.exec_driver_sql("DELETE FROM alembic_version")
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})


async def test_it_is_ready_while_workers_look(store: MemoryStore, clock: Clock) -> None:
    claims = Claims()
    readiness = Readiness(store, Metrics(), claims, lambda: 0, lambda: 8)
    assert (await readiness.checks())["workers"] == "the workers do not look for work"
    claims.routes()
    assert await readiness.checks() == {"database": "", "workers": ""}
    clock.now += 20
    assert (await readiness.checks())["workers"] == "the workers do not look for work"
    claims.routes()
    claims.stopped = True
    assert (await readiness.checks())["workers"] == "not claiming: stopping"
    await store.close()


async def test_another_revision_is_told_within_a_second(store: MemoryStore, clock: Clock) -> None:
    readiness = Readiness(store, Metrics(), Claims(), lambda: 0, lambda: 8)
    assert (await readiness.checks())["database"] == ""
    await store.write(_mark, "0099")
    assert (await readiness.checks())["database"] == "", "asking often costs the database nothing"
    clock.now += 1.5
    assert (await readiness.checks())["database"] == f"at revision 0099, this release needs {HEAD}"
    await store.close()


async def test_a_database_that_is_away_is_told_and_the_gauges_keep_their_last_values(store: MemoryStore, clock: Clock) -> None:
    class Away(MemoryStore):
        async def read(self, unit, *args, **kwargs):  # type: ignore[no-untyped-def]
            raise StoreUnavailable("the database is not available")

    away = Away()
    readiness = Readiness(away, Metrics(), Claims(), lambda: 3, lambda: 8)
    assert (await readiness.checks())["database"] == "the database is not available"
    await readiness.refresh()
    for open_store in (store, away):
        await open_store.close()


async def test_the_gauges_are_counted_from_the_database(store: MemoryStore, clock: Clock) -> None:
    metrics = Metrics()
    await Readiness(store, metrics, Claims(), lambda: 3, lambda: 8).refresh()
    text = metrics.exposition().decode()
    assert "frontdesk_in_flight 3.0" in text
    assert "frontdesk_generation_limit 8.0" in text
    assert "frontdesk_due_conversations 0.0" in text
    assert 'frontdesk_outbox_rows{state="failed"} 0.0' in text
    await store.close()

"""Empty, current, older, unknown, and killed in the middle: what happens to the database at a start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.errors import AlreadyRunning, SchemaMismatch, StoreUnavailable
from bot.store import revision
from bot.store.revision import HEAD, REVISIONS, Schema, SchemaState, look, migrate, prepare
from bot.store.sqlite_connection import hold_file
from bot.store.tables import metadata

OLDER = REVISIONS[-2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> sa.URL:
    return sa.make_url(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def engine(url: sa.URL) -> Iterator[sa.Engine]:
    made = sa.create_engine(url, poolclass=sa.pool.NullPool)
    yield made
    made.dispose()


@pytest.fixture
def said() -> list[str]:
    return []


def state(engine: sa.Engine) -> Schema:
    with engine.connect() as connection:
        return look(connection)


def mark(engine: sa.Engine, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :name"), {"name": name})


def test_an_empty_database_gets_the_schema_and_a_second_start_changes_nothing(
    url: sa.URL, engine: sa.Engine, said: list[str]
) -> None:
    assert state(engine).state is SchemaState.EMPTY
    prepare(url, say=said.append)
    prepare(url, say=said.append)
    assert state(engine) == Schema(SchemaState.CURRENT, HEAD)
    assert said == ["creating the database schema"]


def test_a_revision_nobody_knows_is_refused_and_left_alone(url: sa.URL, engine: sa.Engine, said: list[str]) -> None:
    prepare(url, say=said.append)
    mark(engine, "0099")
    for command in (prepare, migrate):
        with pytest.raises(SchemaMismatch, match="0099, which this release does not know"):
            command(url, say=said.append)
    assert state(engine).revision == "0099"


def test_a_schema_without_a_revision_is_refused(url: sa.URL, engine: sa.Engine, said: list[str]) -> None:
    metadata.create_all(engine)
    with pytest.raises(SchemaMismatch, match="does not know"):
        prepare(url, say=said.append)


def test_an_older_sqlite_is_copied_and_then_upgraded(sqlite_url: str, tmp_path: Path, said: list[str]) -> None:
    url = sa.make_url(sqlite_url)
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    revision.upgrade(engine, OLDER)
    with engine.begin() as connection:
        columns = "workspace_id, name, timezone, greeting, prompt_version, created_at"
        connection.exec_driver_sql(f"INSERT INTO workspace ({columns}) VALUES ('w', 'Shop', 'UTC', '', 1, 0)")
    prepare(url, say=said.append)
    copy = sa.create_engine(f"sqlite:///{tmp_path / f'frontdesk.db.{OLDER}.backup'}", poolclass=sa.pool.NullPool)
    for database in (engine, copy):
        with database.connect() as connection:
            assert connection.exec_driver_sql("SELECT name FROM workspace").scalar() == "Shop"
    assert (state(engine), state(copy).revision) == (Schema(SchemaState.CURRENT, HEAD), OLDER)
    assert said[0] == f"upgrading the database from revision {OLDER} to {HEAD}"
    assert "kept a copy" in said[1]


def test_an_older_postgresql_is_refused_naming_the_command(postgres_url: str, said: list[str]) -> None:
    url = sa.make_url(postgres_url)
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    revision.upgrade(engine, OLDER)
    with pytest.raises(SchemaMismatch, match="frontdesk migrate"):
        prepare(url, say=said.append)
    assert state(engine) == Schema(SchemaState.OLDER, OLDER)
    migrate(url, say=said.append)
    assert state(engine) == Schema(SchemaState.CURRENT, HEAD)


def test_a_database_in_use_is_not_migrated(sqlite_url: str, tmp_path: Path, said: list[str]) -> None:
    held = hold_file(tmp_path / "frontdesk.db")
    with pytest.raises(AlreadyRunning):
        migrate(sa.make_url(sqlite_url), say=said.append)
    os.close(held)


def test_an_upgrade_without_room_for_its_copy_stops_before_it_starts(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision.upgrade(sa.create_engine(sqlite_url, poolclass=sa.pool.NullPool))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(StoreUnavailable, match="free some disk space"):
        revision.back_up(tmp_path / "frontdesk.db", "0001")
    assert not list(tmp_path.glob("*.backup*"))


def test_a_file_of_something_else_is_refused_in_one_line(sqlite_url: str, tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "frontdesk.db").write_text("dear diary, " * 100)
    with pytest.raises(StoreUnavailable, match="is not an SQLite database"):
        prepare(sa.make_url(sqlite_url), say=said.append)
    assert (tmp_path / "frontdesk.db").read_text().startswith("dear diary")


def test_a_user_who_may_not_make_tables_is_told_so(postgres_url: str, said: list[str]) -> None:
    url = sa.make_url(postgres_url)
    owner = sa.create_engine(url, poolclass=sa.pool.NullPool)
    name = f"guest_{url.database}"
    with owner.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
    with pytest.raises(StoreUnavailable, match="the database refuses: permission denied"):
        prepare(url.set(username=name), say=said.append)
    with owner.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE {name}")


def test_many_starts_at_once_create_one_schema(postgres_url: str, said: list[str]) -> None:
    url = sa.make_url(postgres_url)
    others = [subprocess.Popen([sys.executable, "-c", START, postgres_url]) for _ in range(3)]
    prepare(url, say=said.append)
    assert [other.wait(timeout=60) for other in others] == [0, 0, 0]
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    assert state(engine) == Schema(SchemaState.CURRENT, HEAD)


def test_a_second_migration_waits_for_the_first(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with engine.connect() as first:
        first.exec_driver_sql(f"SELECT pg_advisory_lock({0x66726F6E7464736B})")
        with subprocess.Popen([sys.executable, "-c", START, postgres_url]) as second:
            until = time.monotonic() + 30
            while not first.scalar(waiting) and time.monotonic() < until:
                time.sleep(0.02)
            assert first.scalar(waiting) == 1
            assert not sa.inspect(first).has_table("conversation")
            first.exec_driver_sql("SELECT pg_advisory_unlock_all()")
            assert second.wait(timeout=60) == 0
        assert sa.inspect(engine).has_table("conversation")


START = """
import sys, sqlalchemy as sa
from bot.store.revision import prepare
prepare(sa.make_url(sys.argv[1]), say=print)
"""

# dies without a word once half of the tables are made
KILLED = """
import os, signal, sys, sqlalchemy as sa
from bot.store.revision import prepare
made = 0
@sa.event.listens_for(sa.Engine, "after_cursor_execute")
def count(connection, cursor, statement, *rest):
    global made
    made += statement.strip().startswith("CREATE TABLE")
    if made == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
prepare(sa.make_url(sys.argv[1]), say=print)
"""


@pytest.mark.parametrize("tables", [1, 9, 20])
def test_a_migration_killed_in_the_middle_leaves_nothing_and_the_next_one_completes(
    url: sa.URL, engine: sa.Engine, said: list[str], tables: int
) -> None:
    command = [sys.executable, "-c", KILLED, url.render_as_string(hide_password=False), str(tables)]
    died = subprocess.run(command, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert sa.inspect(engine).get_table_names() == []
    prepare(url, say=said.append)
    assert state(engine) == Schema(SchemaState.CURRENT, HEAD)

"""Which revision a database is at, and how it comes to this release's. Alembic is imported only when something must change."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from os import O_CLOEXEC, O_CREAT, close
from os import open as os_open
from pathlib import Path
from tempfile import NamedTemporaryFile

import sqlalchemy as sa

from bot.errors import SchemaMismatch, StoreUnavailable
from bot.store.failures import unavailable
from bot.store.sqlite_connection import hold_file

# oldest first; every file of migrations/versions is named here
REVISIONS = ("0001", "0002", "0003", "0004", "0005")
HEAD = REVISIONS[-1]

Say = Callable[[str], None]


class SchemaState(StrEnum):
    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database holds. `revision` is "" where none is recorded."""

    state: SchemaState
    revision: str = ""


def look(connection: sa.Connection) -> Schema:
    """Read the revision; changes nothing."""
    tables = set(sa.inspect(connection).get_table_names())
    revision = ""
    if "alembic_version" in tables:
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or ""
    if not revision:
        return Schema(SchemaState.UNKNOWN if "conversation" in tables else SchemaState.EMPTY)
    if revision == HEAD:
        return Schema(SchemaState.CURRENT, revision)
    return Schema(SchemaState.OLDER if revision in REVISIONS else SchemaState.UNKNOWN, revision)


def prepare(url: sa.URL, *, say: Say) -> None:
    """Make the database ready for `frontdesk run`: an empty one gets the schema, an older SQLite one is upgraded.

    Raises SchemaMismatch for an older PostgreSQL database and for revisions this release does not know, AlreadyRunning,
    StoreUnavailable. `say` gets a progress line for what takes time.
    """
    with _alone(url), _engine(url) as engine:
        schema = _look(engine)
        if schema.state is SchemaState.OLDER and engine.dialect.name == "postgresql":
            raise SchemaMismatch(
                f"the database is at revision {schema.revision}, this release needs {HEAD}: stop every frontdesk on it, "
                "then run `frontdesk migrate`"
            )
        _bring_to_head(engine, schema, say)


def migrate(url: sa.URL, *, say: Say) -> None:
    """What `frontdesk migrate` does: bring the database to this release's revision, whichever known one it is at."""
    with _alone(url), _engine(url) as engine:
        _bring_to_head(engine, _look(engine), say)


def _bring_to_head(engine: sa.Engine, schema: Schema, say: Say) -> None:
    match schema.state:
        case SchemaState.UNKNOWN:
            raise SchemaMismatch(
                f"the database is at revision {schema.revision or '(none)'}, which this release does not know (it knows up to "
                f"{HEAD}): use the release that made it, or another database"
            )
        case SchemaState.EMPTY:
            say("creating the database schema")
            upgrade(engine)
        case SchemaState.OLDER:
            say(f"upgrading the database from revision {schema.revision} to {HEAD}")
            if engine.dialect.name == "sqlite":
                say(f"kept a copy as {back_up(Path(engine.url.database or ''), schema.revision)}")
            upgrade(engine)
        case SchemaState.CURRENT:
            pass


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Run the migrations in one transaction under a lock. A run that was killed left nothing behind: run it again."""
    from alembic import command  # noqa: PLC0415  a quarter of a second that only an upgrade pays
    from alembic.config import Config  # noqa: PLC0415

    package = find_spec("migrations")
    assert package is not None, "the wheel carries the migrations"
    assert package.origin is not None, "migrations is a package with a file"
    config = Config()
    config.set_main_option("script_location", str(Path(package.origin).parent).replace("%", "%%"))
    with _translated(), engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def back_up(database: Path, revision: str) -> Path:
    """Copy a live SQLite database beside itself, whole or not at all. Returns the copy's path."""
    copy = database.with_name(f"{database.name}.{revision}.backup")
    if shutil.disk_usage(database.parent).free < 2 * database.stat().st_size:
        raise StoreUnavailable(f"no room beside {database} for the copy an upgrade makes first; free some disk space")
    with NamedTemporaryFile(dir=database.parent, prefix=f"{copy.name}.", delete=False) as part:
        partial = Path(part.name)
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
        partial.replace(copy)
    finally:
        partial.unlink(missing_ok=True)
    return copy


@contextmanager
def _alone(url: sa.URL) -> Iterator[None]:
    """On SQLite: nobody else has the file while we look and change. PostgreSQL's lock is taken inside the migration."""
    if url.get_backend_name() != "sqlite":
        yield
        return
    database = Path(url.database or "")
    lock = hold_file(database)
    try:
        if not database.exists():  # dialogues are nobody else's business
            close(os_open(database, O_CREAT | O_CLOEXEC, 0o600))
        yield
    finally:
        close(lock)


@contextmanager
def _engine(url: sa.URL) -> Iterator[sa.Engine]:
    arguments = {"connect_timeout": 5} if url.get_backend_name() == "postgresql" else {}
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args=arguments)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise unavailable(error) or refused(error) or error from error


def refused(error: sa.exc.SQLAlchemyError) -> StoreUnavailable | None:
    """The error in one line when the database will not have us at all: no database, or none of our business."""
    reason = str(getattr(error, "orig", "")).partition("\n")[0]
    if "not a database" in reason:
        return StoreUnavailable("the file of [database] url is not an SQLite database; name another")
    if "invalid connection option" in reason:
        return StoreUnavailable(f"[database] url: {reason}")
    if getattr(getattr(error, "orig", None), "sqlstate", None) == "42501":  # insufficient_privilege
        return StoreUnavailable(f"the database refuses: {reason}")
    return None


def _look(engine: sa.Engine) -> Schema:
    with _translated(), engine.connect() as connection:
        return look(connection)

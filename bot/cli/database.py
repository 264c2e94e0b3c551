"""The doctor's look at the database: reachable, writable, at its revision, and what waits or failed in it."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from bot.cli import chosen
from bot.cli.configuration import Configuration
from bot.cli.findings import Finding, fail, ok, warn
from bot.settings import WorkspaceSettings
from bot.store import workspaces
from bot.store.backlog import backlog, dead_letters, latest_failure
from bot.store.failures import unavailable
from bot.store.revision import HEAD, SchemaState, look, refused
from bot.store.sqlite_connection import prepare_reader

# two connections that write in WAL mode can lose commits in these versions
WAL_HAZARD = ((3, 7, 0), (3, 51, 2))
START_IT = "start frontdesk run: it makes the database"


def examine(configuration: Configuration) -> list[Finding]:
    """Reads only, so that it may stand beside a running instance."""
    file = configuration.database.sqlite_file
    if file is not None and not file.exists():
        return [_sqlite_version(), warn("database", f"{file} is not there yet", START_IT)]
    before = [_sqlite_version(), _instance(file)] if file is not None else []
    try:
        with _connected(configuration) as connection:
            return [*before, *_look_into(connection, configuration)]
    except sa.exc.SQLAlchemyError as error:
        said = str(unavailable(error) or refused(error) or type(error).__name__)
        return [*before, fail("database", said, "check [database] url, and that the server runs and lets us in")]


@contextmanager
def _connected(configuration: Configuration) -> Iterator[sa.Connection]:
    url, file = configuration.database.parsed, configuration.database.sqlite_file
    if file is not None:
        engine = sa.create_engine(f"sqlite:///file:{quote(str(file))}?mode=ro&uri=true", poolclass=sa.pool.NullPool)
        sa.event.listen(engine, "connect", prepare_reader)
    else:
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        yield connection


def _look_into(connection: sa.Connection, configuration: Configuration) -> list[Finding]:
    found = [_writable(connection, configuration.database.sqlite_file), _schema(connection)]
    if connection.dialect.name == "postgresql":
        found.append(_clock(connection, configuration.database.lease_s))
    if all(finding.status == "ok" for finding in found[1:2]):
        found.extend(_waiting(connection))
        found.append(_words(connection, configuration.workspace))
        found.extend(chosen.examine(workspaces.models(connection), configuration))
    return found


def _sqlite_version() -> Finding:
    first, last = WAL_HAZARD
    if first <= sqlite3.sqlite_version_info <= last:
        advice = "let no other program write to the file while frontdesk runs; frontdesk itself writes through one connection"
        return warn("sqlite", f"{sqlite3.sqlite_version} can lose commits of two writers in WAL mode (up to 3.51.2)", advice)
    return ok("sqlite", sqlite3.sqlite_version)


def _instance(file: Path) -> Finding:
    """Whether one holds the file. The look shares the lock for an instant; a start in that instant tries again."""
    lock = file.with_name(f"{file.name}.lock")
    if not lock.exists():
        return ok("instance", "none is running on this file")
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return ok("instance", f"running, process {os.read(descriptor, 32).decode(errors='replace').strip()}")
    finally:
        os.close(descriptor)
    return ok("instance", "none is running on this file")


def _writable(connection: sa.Connection, file: Path | None) -> Finding:
    if file is not None:
        well = os.access(file, os.W_OK) and os.access(file.absolute().parent, os.W_OK)
        said, advice = f"{file}", f"give this user write permission on {file} and its folder"
    else:
        well = connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "off"
        said, advice = "PostgreSQL", "it is read-only, a standby perhaps: name the primary in [database] url"
    return ok("database", f"{said} is reachable and writable") if well else fail("database", f"{said} cannot be written", advice)


def _schema(connection: sa.Connection) -> Finding:
    schema = look(connection)
    match schema.state:
        case SchemaState.CURRENT:
            return ok("migrations", f"at revision {HEAD}")
        case SchemaState.EMPTY:
            return warn("migrations", "the database is empty", START_IT)
        case SchemaState.OLDER:
            return fail(
                "migrations",
                f"at revision {schema.revision}, this release needs {HEAD}",
                "make a backup, then: frontdesk migrate",
            )
        case SchemaState.UNKNOWN:
            advice = "use the release that made it, or another database"
            return fail("migrations", f"revision {schema.revision or '(none)'} is not known to this release", advice)


def _clock(connection: sa.Connection, lease_s: float) -> Finding:
    """Leases go by the database's clock, so a difference only shows in times of turns; a great one is a sick machine."""
    theirs: datetime = connection.scalar(sa.text("SELECT clock_timestamp()"))
    apart = abs((datetime.now(UTC) - theirs.astimezone(UTC)).total_seconds())
    if apart > lease_s:
        return fail("database clock", f"{apart:.1f} s apart from this machine's", "set both clocks (timedatectl set-ntp true)")
    if apart > 1:
        return warn("database clock", f"{apart:.1f} s apart from this machine's", "let both machines keep their time by NTP")
    return ok("database clock", "the same as this machine's")


def _undelivered(connection: sa.Connection, in_doubt: int, failed: int) -> Finding:
    account, why = latest_failure(connection)
    latest = f", the latest at {account}: {why}" if account else ""
    return warn("outbox", f"{in_doubt} in doubt, {failed} failed{latest}", "the customers did not get what failed")


def _words(connection: sa.Connection, settings: WorkspaceSettings) -> Finding:
    """The settings fill an empty database only: what was changed in them since is not said to anybody."""
    changed = workspaces.differing(connection, settings)
    if not changed:
        return ok("workspace", "as the settings say")
    return warn("workspace", f"{', '.join(changed)} of [workspace] not in use yet", "frontdesk workspace apply")


def _waiting(connection: sa.Connection) -> list[Finding]:
    now, dead = backlog(connection), dead_letters(connection)
    in_doubt, failed = now.outbox["in_doubt"], now.outbox["failed"]
    return [
        ok("questions", f"{now.due} wait for an answer")
        if now.oldest_due_s < 60
        else warn("questions", f"{now.due} wait, the oldest for {now.oldest_due_s:.0f} s", "see the engine below, and the log"),
        ok("outbox", f"{now.outbox['ready'] + now.outbox['sending']} on their way")
        if not in_doubt + failed
        else _undelivered(connection, in_doubt, failed),
        ok("dead letters", "none")
        if not dead
        else warn(
            "dead letters", f"{dead} updates could not be read", "their raw form is kept for 7 days in inbox, outcome 'dead'"
        ),
    ]

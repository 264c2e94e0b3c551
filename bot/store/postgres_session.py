"""What a session with PostgreSQL is like: how long it waits for whom, how its statements are planned, how it is ended."""

import contextlib
import socket
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

# a row that another process holds for longer makes the unit wait its turn again, and two that wait for each other part
LOCK_MS = 250
STATEMENT_MS = 10_000
# a process that is suspended inside a transaction holds rows of many conversations: the server takes them from it
SUSPENDED_MS = 3_000
# statements on the path walk indices whatever the planner's statistics say: fresh tables have none, and a plan is kept once made
WALK = ("jit", "enable_seqscan", "enable_sort", "enable_hashjoin", "enable_mergejoin")
OPTIONS = " ".join(
    (
        "-c timezone=UTC",
        f"-c statement_timeout={STATEMENT_MS} -c lock_timeout={LOCK_MS} -c idle_in_transaction_session_timeout={SUSPENDED_MS}",
        *(f"-c {way}=off" for way in WALK),
    )
)
# libpq's own: a server that vanished is noticed within about ten seconds
LIFE = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


def session_arguments(url: sa.URL) -> dict[str, Any]:
    """What libpq is told for our sessions. A value in the URL beats ours; its `options` follow ours, so they beat them too."""
    given: Mapping[str, Any] = url.query
    life = {name: given.get(name, value) for name, value in LIFE.items()}
    return {**life, "options": " ".join(filter(None, (OPTIONS, given.get("options"))))}


def hang_up(connection: sa.Connection) -> None:
    """Shut the socket under a connection that another thread waits on: its wait ends with an error of the driver's."""
    with contextlib.suppress(OSError, AttributeError, ValueError, sa.exc.SQLAlchemyError):  # it may end by itself just now
        descriptor = connection.connection.dbapi_connection.pgconn.socket  # type: ignore[union-attr]
        with socket.socket(fileno=socket.dup(descriptor)) as shared:
            shared.shutdown(socket.SHUT_RDWR)

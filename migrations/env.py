"""How a revision is run: in one transaction, alone, on SQLite and PostgreSQL, from a checkout or an installed wheel.

`frontdesk` hands in its connection; the alembic command reads `-x url=...` or FRONTDESK_DATABASE__URL.
"""

import os

import sqlalchemy as sa
from alembic import context

from bot.store.tables import metadata

# any number that nothing else in the database uses as an advisory lock; "frontdsk" in ASCII
MIGRATION_LOCK = 0x66726F6E7464736B


def begin_alone(connection: sa.Connection) -> None:
    """One migration at a time; DDL is transactional on both databases, so a killed one leaves nothing behind."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        return
    # tables are rebuilt by batch operations: references are checked once, at the end
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def check_references(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
        raise RuntimeError(f"the migration left a row of {broken[0]} without its {broken[2]}")


def run(connection: sa.Connection) -> None:
    with connection.begin():
        begin_alone(connection)
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            transactional_ddl=True,
        )
        context.run_migrations()
        check_references(connection)


def run_from_command_line() -> None:
    named = context.get_x_argument(as_dictionary=True).get("url")
    url = str(named or os.environ.get("FRONTDESK_DATABASE__URL", "sqlite:///frontdesk.db"))
    with sa.create_engine(url, poolclass=sa.pool.NullPool).connect() as connection:
        run(connection)


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    run_from_command_line()

"""Times in the store: aware UTC datetimes through one type, and the database's own clock for leases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class UtcDateTime(TypeDecorator[datetime]):
    """`timestamptz` on PostgreSQL, whole microseconds since 1970 on SQLite. Naive values are our bug and refused."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        assert value.tzinfo is not None, "times in the store carry their zone"
        return value if dialect.name == "postgresql" else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return EPOCH + int(value) * MICROSECOND


class from_now(sa.sql.expression.FunctionElement[datetime]):  # noqa: N801  reads as SQL does: due_at <= from_now(0)
    """The database's clock plus a number of seconds, so that processes with different clocks agree on leases."""

    type = UtcDateTime()
    inherit_cache = True
    name = "from_now"


@compiles(from_now, "postgresql")
def _from_now_postgresql(element: from_now, compiler: Any, **kw: Any) -> str:
    return f"(statement_timestamp() + make_interval(secs => {compiler.process(element.clauses, **kw)}))"


@compiles(from_now, "sqlite")
def _from_now_sqlite(element: from_now, compiler: Any, **kw: Any) -> str:
    # frontdesk_from_now is registered on each of our connections: SQLite 3.40 has no sub-second clock of its own
    return f"frontdesk_from_now({compiler.process(element.clauses, **kw)})"


def sqlite_from_now(seconds: float) -> int:
    """Microseconds since 1970, `seconds` from now: what `from_now` calls on SQLite."""
    return (datetime.now(UTC) - EPOCH) // MICROSECOND + int(seconds * 1_000_000)

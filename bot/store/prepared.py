"""Core statements compiled once and run through the driver's own cursor.

SQLAlchemy says what a statement is, in both dialects, with its types; running it through `Connection.execute` costs about eight
times what the driver needs (70 against 9 microseconds for an insert on SQLite), which is most of an exchange. So statements on
the path of a message are prepared here, and everything else is executed in the ordinary way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

Processor = Callable[[Any], Any]
Row = Sequence[Any]


class _Plan(NamedTuple):
    """A statement for one dialect: its text, where each parameter comes from, and what is done to values on both ways."""

    sql: str
    slots: tuple[tuple[str, Any, Processor | None], ...]
    positional: bool
    results: tuple[Processor | None, ...]
    converts: bool


class Prepared:
    """One statement. `takes` names the parameters of an insert or update that are columns to set; others are bindparams.

    Lists (`IN` with an expanding parameter) cannot be prepared.
    """

    def __init__(self, statement: sa.sql.expression.ClauseElement, *, takes: Sequence[str] = ()) -> None:
        self.statement = statement
        self._takes = list(takes) or None
        self._plans: dict[str, _Plan] = {}

    def rows(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> list[Row]:
        """All rows, as plain sequences in the statement's column order. Inside a unit; raises the driver's own errors."""
        plan, cursor = self._execute(connection, parameters)
        try:
            found: list[Row] = cursor.fetchall()
        finally:
            cursor.close()
        if not plan.converts:
            return found
        return [
            [value if process is None else process(value) for value, process in zip(row, plan.results, strict=True)]
            for row in found
        ]

    def row(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> Row | None:
        """The one row there is at most."""
        found = self.rows(connection, parameters)
        assert len(found) <= 1, "the statement finds one row at most"
        return found[0] if found else None

    def run(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> int:
        """For statements without rows: how many rows were changed."""
        _, cursor = self._execute(connection, parameters)
        changed: int = cursor.rowcount
        cursor.close()
        return changed

    def _execute(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> tuple[_Plan, Any]:
        plan = self._plans.get(connection.dialect.name) or self._plan(connection.dialect)
        values = [
            given if process is None else process(given)
            for name, fixed, process in plan.slots
            for given in (parameters.get(name, fixed),)
        ]
        cursor, done = connection.connection.cursor(), False
        try:
            cursor.execute(plan.sql, values if plan.positional else dict(zip(_names(plan), values, strict=True)))
            done = True
        finally:
            if not done:
                cursor.close()
        return plan, cursor

    def _plan(self, dialect: sa.Dialect) -> _Plan:
        compiled = self.statement.compile(dialect=dialect, column_keys=self._takes)
        assert isinstance(compiled, sa.sql.compiler.SQLCompiler)
        assert "POSTCOMPILE" not in compiled.string, "lists cannot be prepared: use any_of"
        names = compiled.positiontup if compiled.positiontup is not None else list(compiled.bind_names.values())
        fixed = compiled.params
        slots = tuple((name, fixed.get(name), _binder(compiled.binds[name], dialect)) for name in names)
        columns = [entry[3] for entry in compiled._result_columns]  # noqa: SLF001  the only list of result types there is
        results = tuple(column.dialect_impl(dialect).result_processor(dialect, None) for column in columns)
        positional = compiled.positiontup is not None
        plan = _Plan(compiled.string, slots, positional, results, any(results))
        self._plans[dialect.name] = plan
        return plan


def _names(plan: _Plan) -> list[str]:
    return [slot[0] for slot in plan.slots]


def _binder(bind: sa.BindParameter[Any], dialect: sa.Dialect) -> Processor | None:
    return bind.type.dialect_impl(dialect).bind_processor(dialect)


def any_of(column: sa.Column[str], words: Sequence[str]) -> sa.ColumnElement[bool]:
    """`column IN (words)` in a form that can be prepared."""
    return sa.or_(*(column == word for word in words))

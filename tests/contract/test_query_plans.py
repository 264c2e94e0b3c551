"""A turn costs the same however much is stored: on the path of a message no statement scans a table or sorts."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from bot.store import conversations, dialogue, inbox, line, parties, sessions, summaries, traces, turns
from bot.store.prepared import Prepared
from bot.store.store import Store
from bot.store.times import EPOCH, UtcDateTime
from bot.store.waiting import _FIND
from tests.contract.stores import open_store

MODULES = (conversations, dialogue, inbox, line, parties, sessions, summaries, traces, turns)
PATH = {
    f"{module.__name__.rpartition('.')[2]}{name}": statement
    for module in MODULES
    for name, statement in vars(module).items()
    if isinstance(statement, Prepared)
} | {"waiting_FIND": Prepared(_FIND)}
# what PostgreSQL calls a scan of a table or of a whole workspace, and both call a sort
FORBIDDEN = re.compile(r"\bSCAN (?!due\b|CONSTANT)|TEMP B-TREE|Seq Scan on|Join Filter|\bSort\b")


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with open_store(request.param, request) as opened:
        yield opened


def explain(connection: sa.Connection, statement: Prepared) -> str:
    plan = statement._plan(connection.dialect)
    compiled = statement.statement.compile(dialect=connection.dialect, column_keys=statement._takes)
    values = [process(_any(compiled.binds[name])) if process else _any(compiled.binds[name]) for name, _, process in plan.slots]
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {plan.sql}", tuple(values))
        return "\n".join(row[3] for row in rows)
    named = dict(zip((slot[0] for slot in plan.slots), values, strict=True))
    return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {plan.sql}", named))


def _any(bind: sa.BindParameter[Any]) -> Any:
    """Some value of a parameter's type."""
    if isinstance(bind.type, UtcDateTime):
        return EPOCH
    return bind.type.python_type() if not isinstance(bind.type, sa.types.NullType) else 1


async def test_no_statement_on_the_path_scans_or_sorts(store: Store) -> None:
    plans = {name: await store.write(explain, statement) for name, statement in PATH.items()}
    assert {name: plan for name, plan in plans.items() if FORBIDDEN.search(plan)} == {}


async def test_the_plans_would_show_a_scan(store: Store) -> None:
    unindexed = Prepared(sa.select(dialogue.turn.c.seq).where(dialogue.turn.c.text == "x").order_by(dialogue.turn.c.text))
    plan = await store.write(explain, unindexed)
    assert FORBIDDEN.search(plan), plan

"""Delivery's cost does not grow with what was sent before: no scan, no sort, on both databases."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.sql.elements import BindParameter

from bot.store import accounts, message_map, outbox, outcomes, placeholders, sending, withdrawal
from bot.store.prepared import Prepared
from bot.store.store import Store
from bot.store.times import EPOCH, UtcDateTime
from tests.contract.stores import open_store

MODULES = (accounts, message_map, outbox, outcomes, placeholders, sending, withdrawal)
PATH = {
    f"{module.__name__.rpartition('.')[2]}{name}": statement
    for module in MODULES
    for name, held in vars(module).items()
    for statement in (held.statement if isinstance(held, Prepared) else held,)
    if name.startswith("_") and isinstance(statement, (sa.Select, sa.Update))
}
# a constant row is no table
FORBIDDEN = re.compile(r"\bSCAN (?!CONSTANT)|TEMP B-TREE|Seq Scan on|\bSort\b")


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with open_store(request.param, request) as opened:
        yield opened


def plan(connection: sa.Connection, statement: sa.Select[Any] | sa.Update) -> str:
    compiled = statement.compile(dialect=connection.dialect)
    named = {name: stand_in(bind) for name, bind in compiled.binds.items()}
    processed = compiled.construct_params(named) | {name: v for name, v in compiled.params.items() if name not in named}
    processors = compiled._bind_processors
    values = {name: processors[name](value) if name in processors else value for name, value in processed.items()}
    if connection.dialect.name == "sqlite":
        ordered = tuple(values[name] for name in compiled.positiontup or ())
        return "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled.string}", ordered))
    return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {compiled.string}", values))


def stand_in(bind: BindParameter[Any]) -> Any:
    if bind.value is not None:
        return bind.value
    if isinstance(bind.type, UtcDateTime):
        return EPOCH
    if bind.key in {"room", "repeat"}:
        return 1
    return {sa.Integer: 1, sa.Float: 1.0, sa.Boolean: True}.get(type(bind.type), "x")


async def test_no_statement_of_delivery_scans_or_sorts(store: Store) -> None:
    plans = {name: await store.write(plan, statement) for name, statement in PATH.items()}
    assert {name: found for name, found in plans.items() if FORBIDDEN.search(found)} == {}


def test_the_path_is_not_empty() -> None:
    assert {"sending_HEADS", "sending_BEGIN", "outcomes_RECORD", "outbox_PUBLISH", "withdrawal_DROP_READY"} <= PATH.keys()

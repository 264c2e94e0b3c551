"""A walk over the metadata: what holds for every table, those of later releases included."""

import pytest
import sqlalchemy as sa

from bot.store.tables import metadata
from bot.store.times import UtcDateTime

TABLES = list(metadata.sorted_tables)
EXPECTED = {
    *("workspace", "account", "customer", "identity", "address", "conversation", "turn", "attachment", "message_map", "inbox"),
    *("event_log", "outbox", "summary", "reply_trace", "prompt_version", "job", "audit"),
}
TIME_TYPES = (sa.DateTime, sa.Date, sa.Time, sa.TIMESTAMP, sa.Interval)


def test_the_tables_of_revision_1_are_there() -> None:
    assert {table.name for table in TABLES} >= EXPECTED


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_workspace_leads_the_primary_key_and_every_unique_key(table: sa.Table) -> None:
    assert not table.c.workspace_id.nullable
    assert next(iter(table.primary_key.columns)).name == "workspace_id"
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            assert next(iter(constraint.columns)).name == "workspace_id", constraint.name
    for index in table.indexes:
        if index.unique:
            assert next(iter(index.columns)).name == "workspace_id", index.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_reference_stays_inside_its_workspace(table: sa.Table) -> None:
    for key in table.foreign_key_constraints:
        assert key.column_keys[0] == "workspace_id", key.name
        assert key.elements[0].column.name == "workspace_id", key.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_time_is_utc(table: sa.Table) -> None:
    for column in table.columns:
        assert not isinstance(column.type, TIME_TYPES), column
        said_to_be_a_time = column.name == "at" or column.name.endswith(("_at", "_until", "_since"))
        assert said_to_be_a_time == isinstance(column.type, UtcDateTime), column


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_constraint_and_index_has_a_name_that_fits(table: sa.Table) -> None:
    everything: list[sa.Constraint | sa.Index] = [*table.constraints, *table.indexes]
    for named in everything:
        assert isinstance(named.name, str), named
        assert named.name.split("_")[0] in {"pk", "fk", "uq", "ck", "ix"}, named.name
        assert len(named.name) <= 63, f"{named.name} is longer than PostgreSQL keeps"

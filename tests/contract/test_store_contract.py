"""What every store keeps: units are whole or nothing, one after another, durable when they return."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from bot.errors import StoreUnavailable
from bot.store.failures import LostRace
from bot.store.store import Store
from bot.store.tables import workspace
from bot.store.times import from_now
from tests.contract.stores import KINDS, open_store


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with open_store(request.param, request) as opened:
        yield opened


def add(connection: sa.Connection, name: str) -> None:
    values = {"workspace_id": name, "name": name, "timezone": "UTC", "greeting": "", "prompt_version": 1}
    connection.execute(sa.insert(workspace).values(**values, created_at=from_now(0)))


def names(connection: sa.Connection) -> list[str]:
    return list(connection.scalars(sa.select(workspace.c.name).order_by(workspace.c.name)))


async def test_a_unit_that_fails_leaves_nothing(store: Store) -> None:
    def half(connection: sa.Connection) -> None:
        add(connection, "half")
        raise ValueError("the unit's own error")

    with pytest.raises(ValueError, match="own error"):
        await store.write(half)
    assert await store.read(names) == []


async def test_a_failing_unit_does_not_harm_its_neighbours(store: Store) -> None:
    await store.write(add, "a")
    results = await asyncio.gather(*(store.write(add, name) for name in ("b", "a", "c")), return_exceptions=True)
    assert [result is None for result in results] == [True, False, True]
    assert await store.read(names) == ["a", "b", "c"]


async def test_units_see_each_other_one_after_another(store: Store) -> None:
    def next_one(connection: sa.Connection) -> None:
        connection.execute(sa.select(workspace.c.name).with_for_update())
        count = connection.scalar(sa.select(workspace.c.prompt_version).where(workspace.c.name == "n"))
        connection.execute(sa.update(workspace).values(prompt_version=(count or 0) + 1))

    await store.write(add, "n")
    await asyncio.gather(*(store.write(next_one) for _ in range(50)))
    assert await store.read(lambda connection: connection.scalar(sa.select(workspace.c.prompt_version))) == 51


async def test_reading_cannot_write(store: Store) -> None:
    with pytest.raises((StoreUnavailable, sa.exc.DBAPIError)):
        await store.read(add, "a")
    assert await store.read(names) == []


async def test_a_unit_whose_caller_gave_up_is_whole_or_nothing(store: Store) -> None:
    task = asyncio.create_task(store.write(add, "a"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.write(add, "b")
    assert await store.read(names) in (["a", "b"], ["b"])


async def test_foreign_keys_hold(store: Store) -> None:
    def orphan(connection: sa.Connection) -> None:
        values = {"workspace_id": "none", "version": 1, "text": "", "author": ""}
        connection.execute(sa.insert(sa.Table("prompt_version", workspace.metadata)).values(**values, created_at=from_now(0)))

    with pytest.raises(sa.exc.IntegrityError):
        await store.write(orphan)


async def test_a_unit_that_loses_every_race_is_refused_for_now(store: Store) -> None:
    ran = []

    def lose(_connection: sa.Connection) -> None:
        ran.append(1)
        raise LostRace("somebody was faster")

    with pytest.raises((StoreUnavailable, LostRace)):
        await store.write(lose)
    assert len(ran) <= 6


async def test_what_was_queued_before_the_end_is_done_and_nothing_after_it(store: Store) -> None:
    queued = [asyncio.create_task(store.write(add, name)) for name in ("a", "b")]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*queued) == [None, None]
    with pytest.raises((StoreUnavailable, sa.exc.SQLAlchemyError)):
        await store.write(add, "c")


async def test_an_error_of_the_database_repeats_nothing_that_was_written(store: Store) -> None:
    await store.write(add, "a customer's words")
    with pytest.raises(sa.exc.IntegrityError) as caught:
        await store.write(add, "a customer's words")
    assert "customer's words" not in str(caught.value).partition("DETAIL")[0]

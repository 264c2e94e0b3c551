"""What has served its time goes; what has not stays."""

import asyncio

import sqlalchemy as sa

from bot.conversation.counters import NoCounters
from bot.conversation.visitors import Visitors
from bot.store.store import Store
from bot.upkeep import Upkeep
from tests.house import WEB, open_house


async def _count(store: Store, table: str) -> int:
    return await store.read(lambda connection: connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())


async def test_raw_updates_are_dropped_after_seven_days() -> None:
    async with open_house(running=False) as house:
        await house.hear("ann", "old")
        await house.store.write(
            lambda connection: connection.execute(sa.text("UPDATE inbox SET received_at = received_at - 8 * 86400 * 1000000"))
        )
        await house.hear("ann", "fresh")
        await Upkeep(house.store, NoCounters()).tidy(asyncio.Event())
        assert await _count(house.store, "inbox") == 1
        assert await house.dialogue("ann") == [("customer", "old"), ("customer", "fresh")]


async def test_expired_sessions_are_forgotten_and_live_ones_kept() -> None:
    async with open_house(running=False) as house:
        visitors = Visitors(house.store, {WEB: house.ref})
        await visitors.open(WEB)
        await house.store.write(lambda connection: connection.execute(sa.text("UPDATE session SET expires_at = 1")))
        token, _ = await visitors.open(WEB)
        await Upkeep(house.store, NoCounters()).tidy(asyncio.Event())
        assert await _count(house.store, "session") == 1
        assert await visitors.find(WEB, token) is not None

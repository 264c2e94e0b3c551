"""A database that is locked, full or gone: 503 with Retry-After, and nothing is acknowledged that was not stored."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.errors import StoreUnavailable
from bot.store import revision, workspaces
from bot.store.sqlite import SqliteStore
from tests.faults import databases
from tests.faults.scene import Scene, one_life


async def mended(scene: Scene) -> None:
    """The same id again is stored once and answered."""
    reply = await scene.say("a", "hello")
    while reply.status == 503:
        await asyncio.sleep(0.1)
        reply = await scene.say("a", "hello")
    assert (reply.status, reply.body) == (202, {"seq": 1})
    await scene.until_answered("You said: hello")
    said = [(role, text) for role, text in await scene.dialogue() if role != "system"]  # a notice of a wait may stand between
    assert said == [("customer", "hello"), ("bot", "You said: hello")]


def refused(reply: object) -> bool:
    return (reply.status, reply.body["error"]["code"]) == (503, "unavailable") and int(reply.retry_after) >= 1  # type: ignore[attr-defined]


async def test_a_locked_file_is_answered_503_and_the_message_is_taken_later(tmp_path: Path) -> None:
    file = tmp_path / "frontdesk.db"
    async with one_life(tmp_path, f"sqlite:///{file}") as scene:
        with databases.locked(file):
            assert refused(await scene.say("a", "hello"))
            assert await scene.dialogue() == []
        await mended(scene)


async def test_a_full_disk_is_answered_503_and_the_message_is_taken_when_there_is_room(tmp_path: Path) -> None:
    file = tmp_path / "frontdesk.db"
    async with one_life(tmp_path, f"sqlite:///{file}") as scene:
        scene.process.limit_files(0)
        assert refused(await scene.say("a", "hello"))
        assert await scene.dialogue() == []
        scene.process.limit_files(-1)
        await mended(scene)


async def test_a_process_killed_on_a_full_disk_starts_again_with_everything_it_acknowledged(tmp_path: Path) -> None:
    file = tmp_path / "frontdesk.db"
    async with one_life(tmp_path, f"sqlite:///{file}") as scene:
        scene.node.behaviour.fault = "down"
        for number in range(5):
            assert (await scene.say(f"m{number}", f"message {number}")).status == 202
        scene.process.limit_files(0)
        assert refused(await scene.say("m5", "message 5"))
        await scene.town.kill(scene.process)
        scene.node.behaviour.fault = ""
        await scene.bear()
        assert (await scene.say("m5", "message 5")).body == {"seq": 6}
        await scene.until_answered("message 5")
        assert [text for role, text in await scene.dialogue() if role == "customer"] == [f"message {n}" for n in range(6)]


async def test_a_database_at_its_largest_size_refuses_units_and_loses_none(tmp_path: Path) -> None:
    """SQLite's own "full" ends the whole transaction: the units that shared it are refused too, and later ones go on."""
    url = sa.make_url(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    revision.prepare(url, say=lambda _line: None)
    store = await SqliteStore.open(Path(url.database or ""))
    workspace = await store.write(workspaces.seed, "Shop", "UTC", "", "You help.")

    def limit(connection: sa.Connection, pages: int) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    await store.write(limit, 1)  # no smaller than it is
    outcomes = await asyncio.gather(
        *(store.write(workspaces.set_prompt, workspace, 2 + n, "x" * 9000, author="a") for n in range(40)), return_exceptions=True
    )
    kept = {2 + number for number, outcome in enumerate(outcomes) if outcome is None}
    assert all(outcome is None or isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert len(kept) < 40
    await store.write(limit, 1_000_000)
    await store.write(workspaces.set_prompt, workspace, 99, "y", author="a")
    versions = await store.read(lambda c: set(c.exec_driver_sql("SELECT version FROM prompt_version").scalars()))
    assert versions == {1, 99} | kept
    await store.close()


@pytest.mark.timeout(120)
async def test_a_postgres_that_stops_and_comes_back_costs_time_only(tmp_path: Path) -> None:
    with databases.postgres() as server:
        async with one_life(tmp_path, server.make()) as scene:
            await asyncio.to_thread(server.stop)
            assert refused(await scene.say("a", "hello"))
            await asyncio.to_thread(server.start)
            await mended(scene)
            scene.node.behaviour.gate = asyncio.Event()
            assert (await scene.say("b", "again")).status == 202
            await scene.node.asked.wait()
            await asyncio.to_thread(server.stop)
            scene.node.behaviour.gate.set()
            await asyncio.to_thread(server.start)
            await scene.until_answered("You said: again")
            roles = [role for role, _ in await scene.dialogue()]
            assert [role for role in roles if role != "system"] == ["customer", "bot", "customer", "bot"]
            assert roles.count("system") <= 1  # a server that needs longer to come back is excused, once

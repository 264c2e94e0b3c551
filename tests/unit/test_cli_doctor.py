"""The doctor: what it says of sick and well installations, and that it changes nothing."""

import asyncio
import json
import os
import socket
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.cli import database, doctor, machine
from bot.cli.findings import Finding, as_json, as_lines, healthy
from bot.cli.main import execute
from bot.settings import WorkspaceSettings
from bot.store import workspaces
from bot.store.revision import HEAD, prepare
from bot.store.sqlite import SqliteStore
from bot.store.sqlite_connection import hold_file
from serving.lora.loaded import Loaded
from tests.scripted_node import ScriptedNode


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., str]:
    """Writes a settings file and gives its name."""

    def written(url: str = "", *, database: str = "", extra: str = "") -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            nobody = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        file = tmp_path / "shop.toml"
        named = database or f"sqlite:///{tmp_path}/shop.db"
        file.write_text(
            f"[database]\nurl = '{named}'\n[generation]\nurl = '{url or nobody}'\nmodel = 'scripted'\n"
            f"[security]\nsecret_file = '{tmp_path}/secret'\n{extra}"
        )
        return str(file)

    return written


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


async def test_a_well_installation_is_well(shop: Callable[..., str], tmp_path: Path) -> None:
    node = ScriptedNode()
    config = shop(await node.start())
    prepare(sa.make_url(f"sqlite:///{tmp_path}/shop.db"), say=lambda _: None)
    found = await asyncio.to_thread(doctor.examine, config)
    await node.stop()
    assert healthy(found), as_lines(found)
    assert set(by_check(found)) >= {
        *(
            "settings",
            "python",
            "clock",
            "disk",
            "sqlite",
            "database",
            "migrations",
            "questions",
            "outbox",
            "dead letters",
            "engine",
        )
    }


async def test_an_engine_that_fails_is_named_with_what_to_do(shop: Callable[..., str], tmp_path: Path) -> None:
    node = ScriptedNode()
    node.behaviour.fault = "error"
    found = by_check(await asyncio.to_thread(doctor.examine, shop(await node.start())))
    await node.stop()
    assert (found["engine"].status, found["engine"].said.endswith("answers 500")) == ("fail", True)
    away = by_check(doctor.examine(shop()))["engine"]
    assert away.status == "fail"
    assert "start the server" in away.advice


def test_wrong_settings_are_one_finding_and_exit_1(shop: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["doctor", "--json", "--config", shop(extra="[log]\nlevle = 'info'\n")]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["healthy"] is False
    assert [(check["check"], check["status"]) for check in said["checks"]] == [("settings", "fail")]
    assert "did you mean level?" in said["checks"][0]["said"]


def test_a_database_that_is_not_there_yet_is_no_failure(shop: Callable[..., str], tmp_path: Path) -> None:
    found = by_check(doctor.examine(shop()))
    assert found["database"].status == "warn"
    assert not (tmp_path / "shop.db").exists()


def test_a_database_that_cannot_be_reached_fails(shop: Callable[..., str]) -> None:
    found = by_check(doctor.examine(shop(database="postgresql+psycopg://me:hunter2@127.0.0.1:1/x")))
    assert found["database"].status == "fail"
    assert "hunter2" not in as_json(list(found.values()))


@pytest.mark.parametrize(("revision", "status"), [(HEAD, "ok"), ("0001", "fail"), ("0099", "fail")])
def test_the_revision_is_compared(shop: Callable[..., str], tmp_path: Path, revision: str, status: str) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path}/shop.db")
    prepare(url, say=lambda _: None)
    with sa.create_engine(url, poolclass=sa.pool.NullPool).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    assert by_check(doctor.examine(shop()))["migrations"].status == status


def test_a_postgresql_is_examined_with_its_clock(shop: Callable[..., str], postgres_url: str) -> None:
    prepare(sa.make_url(postgres_url), say=lambda _: None)
    found = by_check(doctor.examine(shop(database=postgres_url)))
    assert [found[name].status for name in ("database", "migrations", "database clock", "outbox")] == ["ok"] * 4


def test_a_running_instance_is_seen_and_left_alone(shop: Callable[..., str], tmp_path: Path) -> None:

    prepare(sa.make_url(f"sqlite:///{tmp_path}/shop.db"), say=lambda _: None)
    held = hold_file(tmp_path / "shop.db")
    found = by_check(doctor.examine(shop()))
    os.close(held)
    assert found["instance"].said == f"running, process {os.getpid()}"
    assert found["migrations"].status == "ok"


def test_a_start_in_the_moment_of_a_look_is_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    os.close(hold_file(tmp_path / "shop.db"))
    look = os.open(tmp_path / "shop.db.lock", os.O_RDONLY)
    fcntl.flock(look, fcntl.LOCK_SH)
    monkeypatch.setattr("time.sleep", lambda _: os.close(look))  # the look ends while the start waits
    os.close(hold_file(tmp_path / "shop.db"))


def test_failed_and_doubtful_messages_and_dead_letters_are_shown(shop: Callable[..., str], tmp_path: Path) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path}/shop.db")
    prepare(url, say=lambda _: None)
    with sa.create_engine(url, poolclass=sa.pool.NullPool).begin() as connection:
        for table, changed in (("outbox", {"state": "'failed'", "kind": "'bot'"}), ("inbox", {"outcome": "'dead'"})):
            columns = sa.inspect(connection).get_columns(table)
            values = [changed.get(column["name"], "'1'") for column in columns]
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({', '.join(values)})")
    found = by_check(doctor.examine(shop()))
    assert (found["outbox"].status, found["outbox"].said) == ("warn", "0 in doubt, 1 failed")
    assert (found["dead letters"].status, found["dead letters"].said) == ("warn", "1 updates could not be read")


Usage = namedtuple("Usage", "total used free")  # noqa: PYI024  shutil's own shape


@pytest.mark.parametrize(("free_mib", "status"), [(50, "fail"), (500, "warn"), (5000, "ok")])
def test_disk_space_is_judged(shop: Callable[..., str], monkeypatch: pytest.MonkeyPatch, free_mib: int, status: str) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**12, 0, free_mib * machine.MIB))
    assert by_check(doctor.examine(shop()))["disk"].status == status


def test_a_clock_that_went_back_fails(shop: Callable[..., str], tmp_path: Path) -> None:

    (tmp_path / "shop.db").touch()
    os.utime(tmp_path / "shop.db", (time.time() + 3600, time.time() + 3600))
    assert by_check(doctor.examine(shop()))["clock"].status == "fail"


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 6, 9), "ok"), ((3, 40, 1), "warn"), ((3, 51, 2), "warn"), ((3, 51, 3), "ok"), ((3, 52, 0), "ok")],
)
def test_sqlite_versions_with_the_hazard_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], status: str
) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", version)
    assert database._sqlite_version().status == status


def test_lines_are_aligned_and_carry_the_advice() -> None:
    lines = as_lines([Finding("disk", "ok", "room"), Finding("database", "fail", "gone", "bring it back")])
    assert lines == "ok    disk      room\nfail  database  gone\n                -> bring it back"


async def seeded(file: Path) -> None:
    """As a first start leaves it."""
    prepare(sa.make_url(f"sqlite:///{file}"), say=lambda _: None)
    store = await SqliteStore.open(file)
    settings = WorkspaceSettings()
    await store.write(workspaces.seed, settings.name, settings.timezone, settings.greeting, settings.prompt)
    await store.close()


def test_words_changed_in_the_settings_are_named_and_put_into_use_by_one_command(
    shop: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(["workspace", "apply", "--config", shop()])
    assert "nothing to do" in capsys.readouterr().out  # nobody was there to be told
    asyncio.run(seeded(tmp_path / "shop.db"))
    config = shop(extra="[workspace]\ncontact = 'Call 555 0100'\n")
    found = by_check(doctor.examine(config))["workspace"]
    assert (found.status, found.advice) == ("warn", "frontdesk workspace apply")
    assert "contact" in found.said
    assert execute(["workspace", "apply", "--config", config]) == 0
    assert "contact" in capsys.readouterr().out
    assert by_check(doctor.examine(config))["workspace"].status == "ok"


def chosen(shop: Callable[..., str], extra: str = "", url: str = "") -> Finding:
    config = shop(url, extra=f"[workspace]\nmodel = 'support'\n{extra}")
    execute(["workspace", "apply", "--config", config])
    return by_check(doctor.examine(config))["workspace model"]


async def test_a_chosen_lora_that_the_server_does_not_serve_is_named(shop: Callable[..., str], tmp_path: Path) -> None:
    await seeded(tmp_path / "shop.db")
    node = ScriptedNode()
    url = await node.start()
    found = await asyncio.to_thread(chosen, shop, "", url)
    assert (found.status, found.said[:23]) == ("warn", "Frontdesk wants support")
    node.behaviour.loras["support"] = "support@1"
    assert (await asyncio.to_thread(chosen, shop, "", url)).status == "ok"
    await node.stop()


def test_a_chosen_lora_of_our_own_node_is_looked_for_in_what_it_loads(
    shop: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(seeded(tmp_path / "shop.db"))
    monkeypatch.setenv("FRONTDESK_GENERATION__URL", "")
    serving = f"[serving]\nmodel = 'scripted'\nport = 0\nmodels_dir = '{tmp_path}'\n"
    assert "max_loras" in chosen(shop, serving).advice
    on = f"{serving}[serving.lora]\nmax_loras = 1\n"
    assert chosen(shop, on).advice.startswith("frontdesk models lora load support;")
    Loaded(tmp_path, "scripted").write("support", (1,))
    assert chosen(shop, on).status == "ok"


def test_words_are_not_changed_beside_a_running_instance(
    shop: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = shop()
    prepare(sa.make_url(f"sqlite:///{tmp_path}/shop.db"), say=lambda _: None)
    held = hold_file(tmp_path / "shop.db")
    assert execute(["workspace", "apply", "--config", config]) == 2
    os.close(held)
    assert "in use" in capsys.readouterr().err

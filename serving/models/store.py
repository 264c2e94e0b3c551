"""The folder of finished models: each appears whole, by one rename, or not at all.

<root>/<slug>/             a finished model, with `frontdesk.json` telling its origin
<root>/.incoming/<slug>/   one being made; what a killed pull left here is used or removed by the next
<root>/.locks/<slug>       held by the one who makes it, let go by the system when that process dies
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from serving.errors import ModelError
from serving.progress import Report

MANIFEST = "frontdesk.json"


class Store:
    """Finished and incoming models under one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def finished(self, name: str, origin: dict[str, str]) -> Path | None:
        """The model's folder when it is whole and of this origin."""
        path = self.root / slug(name)
        told = manifest(path)
        if told is None or told.get("origin") != origin:
            return None
        sizes: dict[str, int] = told.get("files", {})
        return path if all(size_of(path / file) == size for file, size in sizes.items()) else None

    @contextlib.contextmanager
    def making(self, name: str, report: Report) -> Iterator[Path]:
        """The incoming folder of `name`, ours alone while the block runs; waits for another puller first."""
        incoming = self.root / ".incoming" / slug(name)
        locks = self.root / ".locks"
        try:
            incoming.mkdir(parents=True, exist_ok=True)
            locks.mkdir(exist_ok=True)
            lock = os.open(locks / slug(name), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ModelError(f"serving.models_dir {self.root}: {error.strerror}") from error
        try:
            self._lock(lock, name, report)
            incoming.mkdir(exist_ok=True)  # the one we waited for has moved it into place
            yield incoming
        except OSError as error:
            raise ModelError(f"{name}: {error}") from error
        finally:
            os.close(lock)

    def finish(self, name: str, made: Path, origin: dict[str, str]) -> Path:
        """Make `made` the finished model: manifest, everything to disk, one rename."""
        files = {str(file.relative_to(made)): file.stat().st_size for file in sorted(made.rglob("*")) if file.is_file()}
        (made / MANIFEST).write_text(json.dumps({"name": name, "origin": origin, "files": files}, indent=1))
        for file in made.rglob("*"):
            sync(file)
        sync(made)
        path = self.root / slug(name)
        if path.exists():
            shutil.rmtree(path)  # damaged, or of an older origin
        made.rename(path)
        sync(self.root)
        return path

    def room_for(self, name: str, need_bytes: int) -> None:
        """Raises ModelError, with numbers, when the disk cannot hold what is coming."""
        free = shutil.disk_usage(self.root).free
        if free < need_bytes:
            raise ModelError(f"{name} needs {megabytes(need_bytes)} in {self.root}, where {megabytes(free)} are free")

    def _lock(self, lock: int, name: str, report: Report) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.line(f"{name}: waiting for another process that is making it")
            fcntl.flock(lock, fcntl.LOCK_EX)


def slug(name: str) -> str:
    """A folder name for a model name; different names never share one."""
    return quote(name, safe="@").replace("%2F", "+")


def manifest(path: Path) -> dict[str, Any] | None:
    try:
        told = json.loads((path / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"

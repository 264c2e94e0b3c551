"""One at a time in the registry of a model store, also among processes; the system lets go when a process dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from serving.errors import LoraError


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the registry's lock; waits for whoever copies a LoRA in. Raises LoraError for a store that cannot be written."""
    locks = root / ".locks"
    try:
        locks.mkdir(parents=True, exist_ok=True)
        lock = os.open(locks / "lora", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise LoraError(f"serving.models_dir {root}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)

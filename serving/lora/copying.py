"""Files as bytes: copied with room looked at first, and summed."""

import hashlib
import os
import shutil
from pathlib import Path

from serving.errors import LoraError
from serving.models.store import megabytes

CHUNK = 1 << 20


def digest(path: Path) -> str:
    """The sha256 of a file, in hex; raises LoraError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LoraError(f"{path}: {error.strerror}") from error


def copied(source: Path, target: Path) -> str:
    """Copy, and the sha256 of what was written; raises LoraError, OSError. Links are followed: a copy is a file of its own."""
    free, need = shutil.disk_usage(target.parent).free, source.stat().st_size
    if free < need:
        raise LoraError(f"{source} needs {megabytes(need)} in {target.parent}, where {megabytes(free)} are free")
    summed = hashlib.sha256()
    with source.open("rb") as reading, target.open("xb") as writing:
        while chunk := reading.read(CHUNK):
            summed.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return summed.hexdigest()

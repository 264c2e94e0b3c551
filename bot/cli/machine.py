"""The doctor's look at the machine: Python, clock, disk."""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from bot.cli.configuration import Configuration
from bot.cli.findings import Finding, fail, ok, warn

MIB = 1_048_576
# this release cannot have been installed before then
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
FUTURE_S = 60


def python(version: tuple[int, ...]) -> Finding:
    return ok("python", ".".join(map(str, version)))


def clock(configuration: Configuration) -> Finding:
    """Leases and sessions need a clock that is roughly right and does not jump back."""
    now = datetime.now(UTC)
    if now < RELEASED:
        return fail(
            "clock", f"it says {now:%Y-%m-%d %H:%M} UTC, which is before this release", "set the clock (timedatectl set-ntp true)"
        )
    ahead = _newest(configuration.database.sqlite_file) - time.time()
    if ahead > FUTURE_S:
        return fail(
            "clock",
            f"the database was written {ahead:.0f} s in the future",
            "the clock went back: set it (timedatectl set-ntp true)",
        )
    return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _newest(database: Path | None) -> float:
    if database is None:
        return 0.0
    files = (database, database.with_name(f"{database.name}-wal"))
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def disk(configuration: Configuration) -> list[Finding]:
    """Room where the database is; on PostgreSQL that is another machine's matter."""
    file = configuration.database.sqlite_file
    if file is None:
        return []
    folder = file.absolute().parent
    if not folder.is_dir():
        return [fail("disk", f"{folder} is not there", f"make it: mkdir -p {folder}")]
    if not os.access(folder, os.W_OK):
        return [fail("disk", f"{folder} cannot be written", "give its owner write permission")]
    usage = shutil.disk_usage(folder)
    said = f"{usage.free // MIB} MiB free of {usage.total // MIB} MiB in {folder}"
    if usage.free < 100 * MIB:
        return [fail("disk", said, "free some space: soon nothing can be stored, and customers are told to try later")]
    if usage.free < 1024 * MIB:
        return [warn("disk", said, "free some space before it fills")]
    return [ok("disk", said)]

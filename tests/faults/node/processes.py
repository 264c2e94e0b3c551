"""The processes below one of ours: named, measured, and told apart from dead ones. Linux's /proc."""

import os
from pathlib import Path


def below(pid: int) -> list[int]:
    """All that a process has started, and what those have."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (task / "children").read_text().split()]
    except OSError:
        return []
    return [*found, *(deeper for child in found for deeper in below(child))]


def only_below(pid: int, words: str) -> int:
    """The one process below whose command holds these words; raises AssertionError when there is none."""
    found = [one for one in below(pid) if words in command(one)]
    assert found, f"no process {words!r} below {pid}"
    return found[0]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def lives(pid: int) -> bool:
    """Whether it runs; one that only waits for its parent to look does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def resident_mb(*pids: int) -> float:
    """Memory that these processes hold together, in MB; what they share counts once for each."""
    pages = 0
    for pid in pids:
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue  # it ended meanwhile
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

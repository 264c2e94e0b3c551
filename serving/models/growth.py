"""Progress of a download that tells none itself: the bytes it has put on the disk."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def telling_growth(what: str, folder: Path, total: int, step: Callable[[str, int, int], None]) -> Iterator[None]:
    """Call `step(what, bytes in folder, total)` at once and each second while the block runs."""
    done = threading.Event()

    def tell() -> None:
        while not done.wait(1.0):
            step(what, min(total, size_of_tree(folder)), total)

    step(what, 0, total)
    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    step(what, total, total)


def size_of_tree(folder: Path) -> int:
    """Bytes on the disk: a file made at its full size and then filled counts what is filled."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it may vanish meanwhile
                total += (Path(above) / name).stat().st_blocks * 512
    return total

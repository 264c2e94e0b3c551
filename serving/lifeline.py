"""Ends a process when its parent has died, SIGKILL included."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def watch(fd: int, on_end: Callable[[], None]) -> threading.Thread:
    """Call `on_end` from a thread of its own once `fd`, the reading end of a pipe, reaches end-of-file."""

    def wait() -> None:
        try:
            while os.read(fd, 4096):
                pass
        except OSError:
            pass  # a closed descriptor tells the same: nobody holds us any more
        on_end()

    thread = threading.Thread(target=wait, name="lifeline", daemon=True)
    thread.start()
    return thread


def kill_own_group() -> None:
    """End this process and all it started; only for the leader of a process group."""
    os.killpg(os.getpgid(0), signal.SIGKILL)


def die_with_parent() -> None:
    """Ask Linux for SIGKILL when the thread that started this process ends; elsewhere does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

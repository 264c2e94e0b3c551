"""The forge: imports everything once, then forks a fresh process for each life, so that a restart costs milliseconds.

A child is a process like any other: its own pid, threads, sockets and descriptors, killed by a real SIGKILL. Protocol: a line
of JSON on stdin asks for a life; stdout says `born NUMBER PID` and `dead PID STATUS`. End of file ends all. Arguments name
modules that lives will need besides.
"""

import ctypes
import importlib
import json
import os
import selectors
import signal
import sys
import threading
from typing import Any

PR_SET_PDEATHSIG = 1


def main() -> None:
    from tests.faults import child  # everything, before the first fork

    for module in sys.argv[1:]:
        importlib.import_module(module)
    assert threading.active_count() == 1, "a fork copies one thread only"
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    pending = b""
    while True:
        for key, _ in selector.select():
            if key.fd != 0:
                _reap(selector, key.fd, key.data)
                continue
            data = os.read(0, 65536)
            if not data:
                _end(selector)
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                _bear(selector, json.loads(line), child)


def _bear(selector: selectors.BaseSelector, asked: dict[str, Any], child: Any) -> None:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _alone(parent, asked["log"])
            status = child.live(asked)
        finally:
            os._exit(status)
    _say(f"born {asked['number']} {pid}")
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)


def _alone(parent: int, log: str) -> None:
    """End with the forge, and keep nothing of it: neither its pipes nor what it waits for."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.closerange(3, 4096)


def _reap(selector: selectors.BaseSelector, descriptor: int, pid: int) -> None:
    selector.unregister(descriptor)
    os.close(descriptor)
    _, status = os.waitpid(pid, 0)
    _say(f"dead {pid} {os.waitstatus_to_exitcode(status)}")


def _end(selector: selectors.BaseSelector) -> None:
    for key in list(selector.get_map().values()):
        if key.fd != 0:
            os.kill(key.data, signal.SIGKILL)
            os.waitpid(key.data, 0)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

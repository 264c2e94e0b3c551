"""One real node for the whole test session: `python -m serving` with a real vLLM behind it.

`tests/conftest.py` takes the `engine` fixture from here. Its tests carry the `engine` mark.
"""

import os
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = "smollm2-135m-instruct"
READY_S = 540.0  # a cold machine fetches and converts the model first


class EngineAddress(NamedTuple):
    """Where the node answers, and with what; `base_url` has no path."""

    base_url: str
    api_key: str
    model: str


class Node:
    """A running `python -m serving`; it dies with this process, and `lines` is what it has printed."""

    def __init__(self, process: "subprocess.Popen[str]", lifeline: int, log: Path) -> None:
        self.process = process
        self.lifeline = lifeline
        self.lines: list[str] = []
        self._log = log
        self._queue: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def line(self, starts: str, timeout_s: float) -> str:
        """Wait for a printed line that starts so."""
        until = time.monotonic() + timeout_s
        while True:
            try:
                got = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                got = None
            if got is None:
                said = self._log.read_text(errors="replace")[-3000:]
                raise AssertionError(f"no line {starts!r} in {timeout_s} s; printed {self.lines}; engine log:\n{said}")
            if got.startswith(starts):
                return got

    def ready(self, timeout_s: float = READY_S) -> str:
        """The base URL, once a token was generated."""
        return self.line("serving ready ", timeout_s).split()[2]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)


@contextmanager
def node(folder: Path, environ: Mapping[str, str]) -> Iterator[Node]:
    """A node with these FRONTDESK_SERVING__ settings on a free port; stopped at the end."""
    ours, its = os.pipe()[::-1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    log = folder / "engine.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", "--parent-fd", str(its)],
            cwd=ROOT,
            env={**inherited, "FRONTDESK_SERVING__PORT": "0", **environ},
            pass_fds=[its],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    os.close(its)
    running = Node(process, ours, log)
    try:
        yield running
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
            os.close(running.lifeline)


def lives(pid: int) -> bool:
    """Whether the process runs; one that only waits for its parent to look does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(is_so: Callable[[], bool], timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineAddress]:
    """(base_url, api_key, model) of the one real node of this session."""
    key = secrets.token_urlsafe(24)
    settings = {"FRONTDESK_SERVING__API_KEY": key, "FRONTDESK_SERVING__KV_CACHE_GIB": "1"}
    with node(tmp_path_factory.mktemp("engine"), settings) as running:
        yield EngineAddress(running.ready(), key, MODEL)

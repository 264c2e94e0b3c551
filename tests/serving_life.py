"""A node with the stand-in engine, and what its tests look at."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import serving_standin

PATIENCE_S = 30.0


class Node:
    """`python -m serving` with the stand-in engine, steered by files in `control`."""

    def __init__(self, folder: Path) -> None:
        self.control = folder / "control"
        self.control.mkdir()
        self.out = folder / "out"
        self.errors = folder / "errors"
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")},
            "FRONTDESK_SERVING__MODEL": str(a_model(folder / "model")),
            "FRONTDESK_SERVING__PORT": "0",
            "FRONTDESK_SERVING__API_KEY": "secret",
            "FRONTDESK_SERVING__ENGINE_ARGS": json.dumps({"control": str(self.control)}),
            "FRONTDESK_SERVING__HANG_TIMEOUT_S": "2",
            "FRONTDESK_SERVING__SHUTDOWN_S": "2",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, under: bool = False, **settings: str) -> "Node":
        """Start it, `under` a process of its own that holds the pipe."""
        environ = self.environ | {f"FRONTDESK_SERVING__{name.upper()}": value for name, value in settings.items()}
        command = [sys.executable, serving_standin.__file__, "node"]
        if under:
            command = [sys.executable, "-c", PARENT, *command]
        with self.out.open("w") as out, self.errors.open("w") as errors:
            self.process = subprocess.Popen(command, env=environ, stdout=out, stderr=errors, stdin=subprocess.DEVNULL)
        return self

    def says(self, text: str, times: int = 1) -> str:
        """Wait until it has printed `text`; returns the last such line."""
        until(lambda: self.out.read_text().count(text) >= times, f"{text!r} on standard output", self)
        return next(line for line in reversed(self.out.read_text().splitlines()) if text in line)

    def ready(self) -> str:
        return self.says("serving ready ").split()[2]

    def ended(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def pids(self) -> list[int]:
        kept = self.control / "pids"
        return [int(word) for word in kept.read_text().split()] if kept.exists() else []


PARENT = """
import os, subprocess, sys
its, ours = os.pipe()
subprocess.Popen([*sys.argv[1:], "--parent-fd", str(its)], pass_fds=[its]).wait()
"""


def a_model(folder: Path, architecture: str = "LlamaForCausalLM") -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "tokenizer.json").write_text("{}")
    return folder


def until(is_so: Callable[[], bool], what: str, node: Node) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, f"never: {what}; out: {node.out.read_text()} errors: {node.errors.read_text()}"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_gone(node: Node) -> None:
    assert node.pids(), "no engine was ever started"
    until(lambda: not any(lives(pid) for pid in node.pids()), "the engine and its helper are gone", node)


@contextmanager
def a_node(folder: Path) -> Iterator[Node]:
    """Not started yet; whatever it has started is gone afterwards."""
    made = Node(folder)
    try:
        yield made
    finally:
        if made.process is not None:
            made.process.kill()
            made.process.wait()
        for pid in filter(lives, made.pids()):
            os.kill(pid, signal.SIGKILL)


def status(url: str, key: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code

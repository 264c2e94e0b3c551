"""A node's life with a stand-in engine: it starts, is proved, watched, restarted, and nothing is ever left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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


def a_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
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


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
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


def test_the_ready_line_tells_where_and_what(node: Node) -> None:
    node.start()
    url = node.ready()
    assert node.says("serving ready ") == f"serving ready {url} model={node.environ['FRONTDESK_SERVING__MODEL']}"
    assert status(f"{url}/health") == 200
    assert status(f"{url}/v1/models") == 401
    assert status(f"{url}/v1/models", "secret") == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_asked_to_stop_ends_well_and_leaves_nothing(node: Node, number: int) -> None:
    node.start().ready()
    assert node.process is not None
    node.process.send_signal(number)
    assert node.ended() == 0
    all_gone(node)


def test_a_killed_node_leaves_no_engine(node: Node) -> None:
    node.start().ready()
    assert node.process is not None
    node.process.kill()
    all_gone(node)


def test_a_killed_parent_takes_node_and_engine_with_it(node: Node) -> None:
    node.start(under=True).ready()
    assert node.process is not None
    children = Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children").read_text().split()
    node.process.kill()
    all_gone(node)
    until(lambda: not any(lives(int(pid)) for pid in children), "the node is gone", node)


def test_a_killed_engine_comes_back_on_the_same_port(node: Node) -> None:
    url = node.start().ready()
    os.kill(node.pids()[0], signal.SIGKILL)
    node.says("serving: the engine is back")
    assert "the engine was ended by signal 9" in node.says("starting it again")
    assert status(f"{url}/health") == 200
    first = node.pids()[:2]
    until(lambda: not any(map(lives, first)), "what the first engine had started is gone", node)


def test_an_engine_that_makes_no_token_any_more_is_replaced(node: Node) -> None:
    node.start().ready()
    (node.control / "mute").touch()
    assert "produced no token for 2 s" in node.says("starting it again")
    (node.control / "mute").unlink()
    node.says("serving: the engine is back")


def test_an_overloaded_engine_is_left_alone(node: Node) -> None:
    node.start().ready()
    (node.control / "busy").touch()
    node_time = time.monotonic() + 5
    until(lambda: time.monotonic() > node_time, "five seconds are more than two hang timeouts", node)
    assert "starting it again" not in node.out.read_text()


def test_refused_settings_are_told_once_and_not_tried_again(node: Node) -> None:
    (node.control / "refused").touch()
    assert node.start().ended() == 2
    assert node.errors.read_text().splitlines()[-1] == "serving.engine_args: unrecognized arguments: --control"
    assert node.out.read_text().count("starting the engine") == 1


def test_a_model_that_computes_no_numbers_never_gets_ready(node: Node) -> None:
    (node.control / "nan").touch()
    assert node.start().ended() == 2
    assert node.errors.read_text().splitlines()[-1] == (
        f"serving.model {node.environ['FRONTDESK_SERVING__MODEL']}: it computes NaN: its weights are damaged, "
        "or a number is too large for its dtype (engine_args dtype)"
    )
    all_gone(node)


def test_an_engine_that_comes_to_compute_no_numbers_is_replaced(node: Node) -> None:
    node.start().ready()
    (node.control / "nan").touch()
    assert "is not fit any more (it computes NaN" in node.says("starting it again")
    (node.control / "nan").unlink()
    node.says("serving: the engine is back")


def test_an_engine_that_never_starts_is_given_up_with_its_last_words(node: Node) -> None:
    (node.control / "broken").touch()
    assert node.start().ended() == 1
    assert node.errors.read_text().splitlines()[-2:] == [
        "no memory",
        "serving: the engine did not start in 4 attempts: it ended with status 1",
    ]


def test_a_start_waits_for_a_port_that_becomes_free(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        node.start(port=str(port))
        node.says(f"waiting up to 30 s for port {port}")
    assert node.ready() == f"http://127.0.0.1:{port}"


def test_a_port_that_stays_held_is_named_with_who_to_look_for(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        assert node.start(port=str(port), port_wait_s="0.2").ended() == 1
    assert node.errors.read_text().strip() == (
        f"serving.port {port} on 127.0.0.1 is held by another process: `ss -ltnp 'sport = :{port}'` names it"
    )


def test_a_wrong_setting_is_one_line_and_exit_two(node: Node) -> None:
    assert node.start(replicas="2").ended() == 2
    assert node.errors.read_text() == "serving.replicas: this release runs 1 engine a node; start more nodes for more\n"


def test_a_node_without_a_key_makes_one_and_tells_where(node: Node, tmp_path: Path) -> None:
    node.environ |= {"XDG_STATE_HOME": str(tmp_path / "state"), "FRONTDESK_SERVING__API_KEY": ""}
    url = node.start().ready()
    kept = Path(node.says("serving: the key is in ").rpartition(" ")[2])
    assert kept.stat().st_mode & 0o777 == 0o600
    assert status(f"{url}/v1/models", kept.read_text().strip()) == 200
    assert kept.read_text().strip() not in node.out.read_text() + node.errors.read_text()


def test_the_supervisor_imports_no_engine() -> None:
    code = "import sys, serving.__main__; print([m for m in ('vllm', 'torch', 'transformers') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"

"""A node's life with a stand-in engine: it starts, is proved, watched, restarted, and nothing is ever left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.port import Claim, free, settle
from tests.serving_life import Node, a_node, all_gone, lives, status, until
from tests.serving_rig import Told


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path) as made:
        yield made


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
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        assert b"frontdesk_node_restarts_total 1.0" in answer.read()
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
        "or a number is too large for its dtype (serving.dtype)"
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


def test_a_port_is_the_nodes_own_before_its_engine_listens() -> None:
    first, second = Claim(), Claim()
    assert first.take("127.0.0.1", 8001)
    assert first.take("127.0.0.1", 8001), "it starts its engine again"
    assert not second.take("127.0.0.1", 8001)
    assert second.take("127.0.0.1", 8002)
    first.close()
    assert second.take("127.0.0.1", 8001)
    second.close()


async def test_a_node_does_not_start_on_the_port_of_another_that_starts() -> None:
    number, other, claim = free(), Claim(), Claim()
    assert other.take("127.0.0.1", number)
    with pytest.raises(ServingError, match="is held by another process"):
        await settle("127.0.0.1", number, 0.0, Told(), claim=claim)
    other.close()
    assert await settle("127.0.0.1", number, 0.0, Told(), claim=claim) == number
    claim.close()


def test_a_wrong_setting_is_one_line_and_exit_two(node: Node) -> None:
    assert node.start(replicas="many").ended() == 2
    assert node.errors.read_text().startswith("serving.replicas: Input should be a valid integer")


def test_a_wish_for_new_engines_before_there_are_any_does_not_end_the_node(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    os.mkfifo(config)
    command = [sys.executable, "-m", "serving", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        with config.open("w") as writing:  # opens once the node reads its settings
            process.send_signal(signal.SIGHUP)
            writing.write("serving = 1")
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (2, f"{config}: serving must be a table\n")


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

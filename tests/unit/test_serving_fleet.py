"""Several engines behind one port, stand-ins behind the real vllm-router: sticky, restarted, drained, never left behind."""

import concurrent.futures
import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.errors import SettingsError
from serving.fleet.exposition import merged
from serving.order import EngineOrder
from serving.plan import cards_of_each
from serving.settings import parse
from tests.serving_life import Node, a_model, a_node, all_gone, lives, status, until
from tests.unit.test_serving_policies import ORDER

KEYED = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
CONVERSATIONS = [f"{number:064x}" for number in range(24)]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path) as made:
        yield made


def ask(url: str, conversation: str, tokens: int = 1) -> int:
    """The process that answered."""
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": tokens}
    return int(post(url, "/v1/chat/completions", body, **{"X-Session-ID": conversation})["process"])


def post(url: str, path: str, body: dict[str, object], **headers: str) -> dict[str, Any]:
    asked = urllib.request.Request(f"{url}{path}", json.dumps({"model": "toy", **body}).encode(), {**KEYED, **headers})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


def answered(node: Node, url: str) -> dict[str, int]:
    """Who answers each conversation. Whoever is told to ask again does."""
    found: dict[str, int] = {}

    def all_are() -> bool:
        for conversation in CONVERSATIONS:
            try:
                found[conversation] = ask(url, conversation)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 502 or (error.code == 503 and int(error.headers["Retry-After"]) >= 1):
                    return False
                raise
        return True

    until(all_are, "every conversation is answered", node)
    return found


def fleet(node: Node, **settings: str) -> str:
    url = node.start(replicas="2", **settings).ready()
    until(lambda: metric(url, "frontdesk_node_replica_up").count(1.0) == 2, "both replicas are up", node)
    until(lambda: len(set(answered(node, url).values())) == 2, "the router knows both", node)
    return url


def metric(url: str, name: str) -> list[float]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith(name)]


def engines(node: Node) -> list[int]:
    return [pid for pid in node.pids()[::2] if lives(pid)]


def router(node: Node) -> int:
    assert node.process is not None
    children = Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children").read_text().split()
    (found,) = [int(pid) for pid in children if b"serving.fleet.routing" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


def test_a_dead_engines_conversations_move_and_come_back_and_no_other_moves(node: Node) -> None:
    url = fleet(node)
    before = answered(node, url)
    assert answered(node, url) == before
    dead = before[CONVERSATIONS[0]]
    (node.control / "broken").touch()  # it stays away
    os.kill(dead, signal.SIGKILL)
    after = answered(node, url)
    assert dead not in after.values()
    assert all(after[one] == before[one] for one in CONVERSATIONS if before[one] != dead)
    (node.control / "broken").unlink()
    until(lambda: len(set(answered(node, url).values())) == 2, "it is back", node)
    again = answered(node, url)
    assert {one for one in CONVERSATIONS if again[one] == before[one]} == {one for one in CONVERSATIONS if before[one] != dead}


def test_a_killed_router_is_started_again_and_sends_each_conversation_where_it_was(node: Node) -> None:
    url = fleet(node)
    before = answered(node, url)
    os.kill(router(node), signal.SIGKILL)
    node.says("serving: the router was ended by signal 9")
    until(lambda: metric(url, "frontdesk_node_router_up") == [1.0], "the router is back", node)
    assert answered(node, url) == before


def test_a_router_that_hangs_is_replaced(node: Node) -> None:
    url = fleet(node)
    os.kill(router(node), signal.SIGSTOP)
    node.says("serving: the router did not answer 3 times")
    until(lambda: metric(url, "frontdesk_node_router_up") == [1.0], "the router is back", node)
    assert len(set(answered(node, url).values())) == 2


def test_a_rolling_restart_cuts_nothing_off_and_is_never_without_an_engine(node: Node) -> None:
    url = fleet(node)
    assert node.process is not None
    old = engines(node)
    with concurrent.futures.ThreadPoolExecutor(len(CONVERSATIONS)) as pool:
        asked = [pool.submit(ask, url, conversation, 1000) for conversation in CONVERSATIONS]
        until(lambda: sum(metric(url, "vllm:num_requests_running")) == len(asked), "all are being answered", node)
        node.process.send_signal(signal.SIGHUP)
        node.says("serving: replica 0 finishes its answers")
        assert set(answered(node, url).values()) < set(old), "new ones go to the other engine"
        (node.control / "finish").touch()
        assert {one.result(30) for one in asked} == set(old)
    node.says("serving: all engines were started anew")
    assert not set(engines(node)) & set(old)
    assert len(engines(node)) == 2
    answered(node, url)


def test_the_door_is_closed_as_an_engine_is(node: Node) -> None:
    url = fleet(node)
    assert status(f"{url}/health") == 200
    assert status(f"{url}/v1/models") == 401
    assert status(f"{url}/v1/models", "secret") == 200
    assert status(f"{url}/list_workers", "secret") == 404
    assert status(f"{url}/add_worker?url=http://127.0.0.1:1", "secret") == 404
    assert metric(url, 'frontdesk_node_door_refused_total{reason="key"}') == [1.0]
    assert metric(url, 'frontdesk_node_door_refused_total{reason="route"}') == [2.0]
    assert node.process is not None
    node.process.terminate()
    assert node.ended() == 0
    all_gone(node)


def test_a_killed_node_leaves_no_engine_and_no_router(node: Node) -> None:
    fleet(node)
    left = router(node)
    assert node.process is not None
    node.process.kill()
    all_gone(node)
    until(lambda: not lives(left), "the router is gone", node)


def test_a_fleet_whose_settings_are_refused_says_so_once(node: Node) -> None:
    (node.control / "refused").touch()
    assert node.start(replicas="2").ended() == 2
    assert node.errors.read_text().splitlines()[-1] == "serving.engine_args: unrecognized arguments: --control"


def test_a_node_on_another_machine_answers_too_and_is_told_when_it_goes(node: Node, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with a_node(tmp_path / "other") as other:
        far = other.start().ready()
        node.start(replicas="0", nodes=json.dumps([far]), model="toy")
        url = node.ready()
        assert set(answered(node, url).values()) == {other.pids()[0]}
        assert other.process is not None
        other.process.kill()
        node.says(f"serving: the node {far} cannot be reached")
        assert status(f"{url}/health") == 503


def test_an_engine_that_embeds_stands_beside_the_one_that_answers(node: Node, tmp_path: Path) -> None:
    words = a_model(tmp_path / "words", "BertModel")
    url = node.start(embeddings=json.dumps({"model": str(words), "engine_args": {"control": str(node.control)}})).ready()
    until(lambda: metric(url, "frontdesk_node_replica_up") == [1.0, 1.0], "both engines are up", node)
    embedding, answering = post(url, "/v1/embeddings", {"input": "Hi"}), ask(url, CONVERSATIONS[0])
    assert embedding["data"][0]["embedding"] == [0.6, 0.8]
    assert {embedding["process"], answering} == set(engines(node))
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/models", headers=KEYED), timeout=5) as answer:
        assert len(json.load(answer)["data"]) == 2
    os.kill(int(embedding["process"]), signal.SIGKILL)
    assert ask(url, CONVERSATIONS[0]) == answering


def test_metrics_of_several_engines_are_one_text_with_each_family_together() -> None:
    one = '# HELP a_total Help.\n# TYPE a_total counter\na_total{kind="x"} 1\n# TYPE b gauge\nb 2\n'
    text = merged({"0": one, "1": one.replace("1\n", "5\n")})
    assert text.splitlines() == [
        "# HELP a_total Help.",
        "# TYPE a_total counter",
        'a_total{replica="0",kind="x"} 1',
        'a_total{replica="1",kind="x"} 5',
        "# TYPE b gauge",
        'b{replica="0"} 2',
        'b{replica="1"} 2',
    ]


def on_cards(count: int) -> EngineOrder:
    return EngineOrder(
        **{
            **{name: getattr(ORDER, name) for name in ORDER.__slots__},
            "device": "cuda",
            "engine_args": {"tensor_parallel_size": count},
        }
    )


def test_engines_on_gpus_get_cards_of_their_own() -> None:
    assert cards_of_each(on_cards(2), "", 2) == ["0,1", "2,3"]
    assert cards_of_each(on_cards(1), "4,6", 2) == ["4", "6"]
    assert cards_of_each(ORDER, "", 3) == ["", "", ""]
    with pytest.raises(SettingsError, match="2 engines of 2 GPUs need 4, of which 3 are visible"):
        cards_of_each(on_cards(2), "0,1,2", 2)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"replicas": 0}, "replicas = 0 needs nodes on other machines"),
        ({"nodes": ["http://a:1"]}, "serving.nodes needs serving.api_key"),
        ({"nodes": ["http://a:1/v1"], "api_key": "k"}, "is not the address of a node"),
        ({"nodes": ["http://a:1", "http://a:1"], "api_key": "k"}, "named twice"),
    ],
)
def test_a_fleet_that_cannot_be_is_refused_in_words(settings: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        parse(settings)


def test_a_node_that_waits_for_its_port_stops_at_once(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        node.start(replicas="2", port=str(holder.getsockname()[1]))
        node.says("serving: waiting up to")
        assert node.process is not None
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(10) == 0

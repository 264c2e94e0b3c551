"""What passes between a node's door, its router and its engines; and one engine after the other started anew."""

import asyncio
import json
import resource
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from serving import port
from serving.connections import OWN_FILES
from serving.engine.admission import Admission
from serving.engine.gate import Gate, Readiness, Receive, Scope, Send
from serving.errors import ServingError
from serving.fleet import router as routers
from serving.fleet.exposition import merged
from serving.fleet.fleet import told
from serving.fleet.listener import Listener
from serving.fleet.members import Member, Members
from serving.fleet.proxy import Proxy
from serving.fleet.remote import Remote
from serving.fleet.rolling import Rolling
from serving.fleet.router import Router
from serving.standing import Alone
from serving.supervisor import Life, Patience, Supervisor
from tests.serving_rig import AUTHORIZED, CHAT, KEY, Told, a_door, listening, reply, running
from tests.unit.test_serving_policies import ORDER

LOAD = "/v1/load_lora_adapter"
IDLE = b'frontdesk_node_answers{kind="live"} 0\n'


class Streaming:
    """Behind the gate of an engine as vLLM: the head of a stream goes out long before its first token."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.left = asyncio.Event()
        self.gate = Gate(self._answer, KEY, Readiness(proven=True), Admission(8, 2, asyncio.get_running_loop().time))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/health":
            await reply(send, b"")
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        self.begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


class Keyed:
    """An engine that tells nothing without its key; `said` holds the bodies that it was sent."""

    def __init__(self, version: int = 1, status: int = 200) -> None:
        self.said: list[dict[str, Any]] = []
        self._version = version
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/health" and (b"authorization", f"Bearer {KEY}".encode()) not in scope["headers"]:
            await reply(send, b"{}", status=401)
        elif scope["path"] == "/metrics":
            await reply(send, b"a 1\n", b"text/plain")
        elif scope["path"] == LOAD:
            self.said.append(json.loads((await receive())["body"]))
            await reply(send, json.dumps({"lora_name": "a", "version": self._version}).encode(), status=self._status)
        else:
            await reply(send, b'{"data": [{"id": "toy"}]}', status=self._status)


async def asked(url: str, body: dict[str, Any] | None = None, headed: asyncio.Event | None = None) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession(headers=AUTHORIZED) as session,
        session.request("POST" if body else "GET", url, json=body) as answer,
    ):
        if headed:
            headed.set()
        return answer.status, await answer.text()


async def test_whoever_leaves_before_the_first_token_frees_the_engine_through_the_router_too() -> None:
    engine, headed = Streaming(), asyncio.Event()

    async with a_door(engine.gate, routed=True) as url:
        asking = asyncio.create_task(asked(f"{url}/v1/chat/completions", CHAT, headed))
        await asyncio.wait_for(engine.begun.wait(), 5)
        with suppress(TimeoutError):  # a head that was sent would be here by then
            await asyncio.wait_for(headed.wait(), 0.3)
        asking.cancel()
        await asyncio.wait_for(engine.left.wait(), 2)


async def test_a_router_asks_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with asyncio.timeout(10), a_door(Keyed(), routed=True) as url:
        assert (await asked(f"{url}/v1/chat/completions", CHAT))[0] == 200


async def test_figures_of_an_engine_elsewhere_are_asked_for_with_the_key() -> None:
    async with a_door(Keyed()) as url:
        assert 'a{replica="0"} 1' in (await asked(f"{url}/metrics"))[1]


async def test_an_engine_that_tells_no_models_is_no_node_without_models() -> None:
    async with a_door(Keyed(status=500)) as url:
        assert (await asked(f"{url}/v1/models"))[0] == 503


async def test_the_version_that_the_first_engine_chose_is_loaded_by_all() -> None:
    first, second = Keyed(version=3), Keyed(version=7)
    async with a_door(first, second) as url:
        await asked(f"{url}{LOAD}", {"lora_name": "a", "version": "previous"})
    assert first.said == [{"lora_name": "a", "version": "previous"}]
    assert second.said == [{"lora_name": "a", "version": 3}]


async def test_no_more_connections_are_taken_than_there_are_files_to_pass_them_on() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, before[1]))
    try:
        protocol: Any = Listener(Keyed(), 1).config.http
        assert 2 * protocol.most + OWN_FILES <= resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_a_router_that_never_starts_is_the_end_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routers, "AGAIN_S", 0.01)
    with pytest.raises(ServingError, match="vllm-router did not start in 4 attempts: it ended with status 3"):
        await Router(Members(), Told(), lambda _: None, (sys.executable, "-c", "raise SystemExit(3)")).run()


async def test_a_node_with_another_key_is_told_so_though_its_health_is_open() -> None:
    async def node(scope: Scope, _: Receive, send: Send) -> None:
        await reply(send, b"{}", status=200 if scope["path"] == "/health" else 401)

    report = Told()
    async with listening(node) as url, running(Remote(url, "other", "toy", Members().join("far"), report, look_s=0.01).run()):
        async with asyncio.timeout(5):
            while not report.lines:
                await asyncio.sleep(0.01)
    assert report.lines == [f"serving: the node {url} refuses our key: both nodes need the same serving.api_key"]


def test_a_node_of_several_engines_among_several_has_one_label_for_each() -> None:
    text = merged({"far:1": 'a{replica="0",x="}, {"} 1\nb{my_replica="\u2028"} 2\n'}, "c 3\n")
    assert text == 'a{replica="far:1/0",x="}, {"} 1\nb{replica="far:1",my_replica="\u2028"} 2\nc 3\n'


def test_a_family_of_nodes_that_describe_it_differently_has_one_head() -> None:
    text = merged(
        {"0": "# HELP a Old.\n# TYPE a gauge\na 1\n", "1": "# HELP a New.\n# TYPE a gauge\na 2\n"}, "# TYPE a gauge\na 3\n"
    )
    assert text == '# HELP a Old.\n# TYPE a gauge\na{replica="0"} 1\na{replica="1"} 2\na 3\n'


def test_of_errors_in_groups_one_line_is_told() -> None:
    assert str(told(BaseExceptionGroup("", [ExceptionGroup("", [ServingError("a")])]))) == "a"
    assert "Cannot allocate memory" in str(told(BaseExceptionGroup("", [OSError(12, "Cannot allocate memory")])))


class Renewed(Supervisor):
    """Starts nothing: the engine is there again when it is asked for, or never."""

    def __init__(self, member: Member, comes_back: bool = True) -> None:
        super().__init__(ORDER, Patience(1, 1, 1, 1), Told(), lambda _: None, member, name=member.name)
        self._member = member
        self._comes_back = comes_back
        self.renewals = 0

    def renew(self) -> None:
        self.renewals += 1
        self._member.down()
        if self._comes_back:
            self._member.found_at(self._member.url)


async def test_a_node_without_engines_of_its_own_says_that_it_starts_none_anew() -> None:
    report = Told()
    async with Proxy() as proxy:
        await Rolling([], lambda _: True, proxy, report, drain_s=1, start_s=1).once_through()
    assert report.lines == ["serving: no engine is this node's own: start those on other machines anew there"]


async def rolled(
    during: Callable[[list[Member], set[Member | str]], Awaitable[None]], *, away: bool = False, figures: bytes = IDLE
) -> tuple[list[str], list[int]]:
    """Lines and renewals of two engines started anew while `during` happens, which may change to whom requests are sent."""

    async def engine(_scope: Scope, _receive: Receive, send: Send) -> None:
        await reply(send, figures, b"text/plain")

    members, report, kept = Members(), Told(), set[Member | str]()
    async with listening(engine) as url, Proxy() as proxy:
        crew = [(member, Renewed(member, comes_back=not away)) for member in (members.join("0"), members.join("1"))]
        for member, _ in crew[: 1 if away else 2]:
            member.found_at(url)
        rolling = Rolling(crew, lambda one: one.serves or one.name in kept, proxy, report, drain_s=5, start_s=0.3 if away else 5)
        async with asyncio.timeout(10):
            await asyncio.gather(during([one for one, _ in crew], kept), rolling.once_through())
    return report.lines, [supervisor.renewals for _, supervisor in crew]


async def nothing(_members: list[Member], _kept: set[Member | str]) -> None:
    pass


async def test_an_engine_is_started_anew_only_once_the_router_has_let_go_of_it() -> None:
    async def late(members: list[Member], kept: set[Member | str]) -> None:
        kept.add("0")
        for _ in range(20):
            assert members[0].starts == 1, "requests still come to it"
            await asyncio.sleep(0.02)
        kept.clear()

    assert (await rolled(late))[1] == [1, 1]


async def test_an_engine_that_died_while_it_finished_is_not_started_anew_once_more() -> None:
    async def dies(members: list[Member], _: set[Member | str]) -> None:
        await asyncio.sleep(0)
        members[0].down()
        members[0].found_at(members[0].url)

    assert (await rolled(dies))[1] == [0, 1]


async def test_no_engine_is_taken_out_while_another_is_away() -> None:
    lines, renewals = await rolled(nothing, away=True)
    assert renewals == [0, 1]
    assert lines[-1] == "serving: 1 did not come back; the others were left as they are"


def supervisor(standing: Any, number: int = 0) -> Supervisor:
    return Supervisor(replace(ORDER, port=number), Patience(1, 1, 1, 0.1), Told(), lambda _: None, standing)


async def test_an_engine_behind_a_door_moves_when_its_port_was_taken_and_a_node_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        held = holder.getsockname()[1]
        for standing, moves in ((Members().join("0"), True), (Alone(Told()), False)):
            one = supervisor(standing)
            one._order, one._ready_once = replace(ORDER, port=held), True  # as after a life there
            if moves:
                await one._settle_port()
                assert one._order.port not in (0, held)
            else:
                with pytest.raises(ServingError, match="is held by another process"):
                    await one._settle_port()
    assert not port.is_held("127.0.0.1", held)


async def test_settings_refused_after_a_good_start_leave_the_other_engines_alone() -> None:
    member = Members().join("0")
    one = supervisor(member)
    refused = Life(2, "ended with status 2", "serving.model: no such folder", 0.0, False)
    with pytest.raises(ServingError, match="no such folder"):
        one._give_up_on(refused, 1)
    one._ready_once = True
    member.found_at("http://127.0.0.1:1")
    one._give_up_on(refused, 9)

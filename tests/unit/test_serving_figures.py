"""The node's own figures: what is held, refused and left, read from the exposition as Prometheus reads it."""

import json
import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from serving.engine.admission import BACKGROUND, DRAFT, LIVE, RETRY, Admission
from serving.engine.figures import Figures
from serving.engine.gate import Gate, Message, Readiness, Receive, Scope, Send
from tests.unit.test_serving_gate import CHAT, KEY, Inner, call


class Late(Inner):
    """Hears of the disconnect when all was said, as every application does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, quiet(receive), send)
        await receive()


def quiet(receive: Receive) -> Receive:
    async def body_only() -> Message:
        return {"type": "http.request", "body": b""}

    return body_only


class Scene:
    """A gate of four slots, two of them for background work, and what its /metrics says."""

    def __init__(self, inner: Inner | None = None, restarts: int = 0) -> None:
        self.now = 0.0
        self.admission = Admission(4, 2, lambda: self.now)
        figures = Figures(self.admission, restarts)
        self.gate = Gate(inner or Late(), KEY, Readiness(proven=True), self.admission, max_body_bytes=100, figures=figures)
        self._registry = CollectorRegistry()
        self._registry.register(figures)

    def says(self, name: str, **labels: str) -> float | None:
        generate_latest(self._registry)
        return self._registry.get_sample_value(f"frontdesk_node_{name}", labels)

    async def ask(self, *, path: str = CHAT, key: str = KEY, deadline: bytes = b"9", **body: object) -> int:
        asked = json.dumps({"messages": [], **body}).encode()
        return (await call(self.gate, path, key=key, chunks=(asked,), headers=((b"x-deadline-s", deadline),)))[0]


def test_slots_answers_by_kind_and_restarts_are_told() -> None:
    scene = Scene(restarts=2)
    for priority in (LIVE, -5, RETRY, DRAFT + 3, BACKGROUND + 100):
        scene.admission.enter(priority, 1, None)
    assert {kind: scene.says("answers", kind=kind) for kind in ("live", "retry", "draft", "background")} == {
        "live": 2,
        "retry": 1,
        "draft": 1,
        "background": 1,
    }
    assert [scene.says(name) for name in ("slots", "background_slots", "restarts_total")] == [4, 2, 2]


def test_the_wait_told_is_that_of_a_live_answer_that_came_now() -> None:
    scene = Scene()
    assert scene.says("wait_seconds") == 0
    places = [scene.admission.enter(LIVE, 1, None) for _ in range(4)]
    for place in places:
        scene.now += 2
        scene.admission.leave(place)
        scene.admission.enter(LIVE, 1, None)
    assert scene.says("wait_seconds") == pytest.approx(2)


async def test_each_refusal_is_counted_by_its_reason() -> None:
    scene = Scene()
    for _ in range(2):
        scene.admission.enter(BACKGROUND, 1, None)
    assert await scene.ask(priority=BACKGROUND) == 503
    for _ in range(4):
        place = scene.admission.enter(LIVE, 4, None)
        scene.now += 8
        scene.admission.leave(place)
    scene.admission.enter(LIVE, 4, None)
    assert await scene.ask(deadline=b"0.1") == 503
    assert await scene.ask(n=100) == 400
    assert await scene.ask(deadline=b"soon") == 400
    assert await scene.ask(key="wrong") == 401
    assert await scene.ask(path="/invocations") == 404
    assert await scene.ask(stop="x" * 100) == 413
    counted = {
        reason: scene.says("refused_total", reason=reason) for reason in ("deadline", "background", "key", "route", "body")
    }
    assert counted == dict.fromkeys(counted, 1)
    assert scene.says("refused_total", reason="bounds") == 2


async def test_an_answered_request_is_neither_refused_nor_left() -> None:
    scene = Scene()
    assert await scene.ask() == 200
    assert scene.says("cancelled_total") == 0
    assert sum(scene.says("refused_total", reason=reason) or 0 for reason in ("deadline", "bounds", "key", "route", "body")) == 0


class Streaming(Inner):
    """Sends a first piece, and the rest only when nobody hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"


async def test_a_client_that_leaves_before_the_end_is_counted_and_one_that_stays_is_not() -> None:
    scene = Scene(Streaming())
    await scene.ask()
    assert scene.says("cancelled_total") == 1
    after_the_end = Scene()
    await after_the_end.ask()
    assert after_the_end.says("cancelled_total") == 0


async def test_gate_and_figures_cost_a_request_far_less_than_the_millisecond_they_may() -> None:
    scene, rounds, took_s = Scene(), 50, []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(rounds):
            await scene.ask()
        took_s.append((time.perf_counter() - started) / rounds)
    assert min(took_s) < 0.0005

"""Who may start where requests are no streams of one answer: whole answers, many at once, texts to embed."""

import json
import time

import pytest

from serving.engine.admission import BACKGROUND, LIVE, Admission, Full, TooMany
from tests.unit.test_serving_admission import Clock, busy
from tests.unit.test_serving_gate import CHAT, EMBED, Inner, call, gate


def test_answers_that_are_not_streamed_are_no_crowd_that_waits() -> None:
    admission = Admission(64, 2, clock := Clock())
    for _ in range(6):
        admission.enter(LIVE, 1, None, streamed=False)
    for _ in range(20):
        turn = admission.enter(LIVE, 1, 2.0)
        clock.now += 0.2
        admission.start(turn)
        admission.leave(turn)
        clock.now += 5
    assert admission.wait_s(LIVE) == 0


def test_answers_that_are_not_streamed_hold_their_slots() -> None:
    admission, clock, places = busy(slots=4, each_s=2.0)
    for place in places:
        admission.leave(place)
    whole = [admission.enter(LIVE, 1, None, streamed=False) for _ in range(4)]
    assert admission.wait_s(LIVE) > 0
    clock.now += 2
    admission.leave(whole[0])
    assert admission.wait_s(LIVE) == 0


@pytest.mark.parametrize(("priority", "answers"), [(LIVE, 8), (BACKGROUND, 3)])
def test_more_than_an_idle_engine_takes_is_refused_for_good(priority: int, answers: int) -> None:
    admission = Admission(2, 2, Clock(), waiting=1)
    with pytest.raises(TooMany, match=str({LIVE: 3, BACKGROUND: 2}[priority])):
        admission.enter(priority, answers, 5.0)
    assert admission.here == 0


def test_an_idle_engine_takes_more_answers_than_it_has_slots_though_it_knows_nothing_yet() -> None:
    admission = Admission(2, 1, Clock())
    assert admission.enter(LIVE, 8, 5.0).answers == 8


def test_the_queue_is_bounded_by_what_requests_hold() -> None:
    admission = Admission(2, 1, Clock(), waiting=4)
    places = [admission.enter(LIVE, 1, None, streamed=False, size=3) for _ in range(2)]
    with pytest.raises(Full, match="4 wait, of at most 4"):
        admission.enter(LIVE, 1, None, streamed=False, size=1)
    admission.leave(places[0])
    admission.enter(LIVE, 1, None, streamed=False, size=3)


class Failing(Inner):
    """A whole answer of vLLM that is none."""

    def __init__(self) -> None:
        super().__init__(status=404)


async def test_whole_requests_that_were_refused_are_no_answers_that_ended() -> None:
    """Each would look like a slot that was free again at once, and let in those who cannot start in time."""
    now = 0.0
    admission = Admission(4, 2, lambda: now)
    places = [admission.enter(LIVE, 1, None) for _ in range(12)]
    for _ in range(8):
        now += 0.5
        admission.leave(places.pop(0))
    before = admission.wait_s(LIVE)
    for _ in range(40):
        assert (await call(gate(Failing(), admission=admission), CHAT))[0] == 404
    assert admission.wait_s(LIVE) >= before


async def test_more_than_the_node_takes_in_one_request_is_refused_for_good() -> None:
    status, told = await call(gate(), CHAT, chunks=(b'{"messages": [], "n": 3, "priority": 30}',))
    assert status == 400
    assert "may ask for 2 answers" in told["error"]["message"]


async def test_the_texts_of_embeddings_count_in_the_queue() -> None:
    body = json.dumps({"input": ["a"] * 100}).encode()
    admission = Admission(4, 4, time.monotonic, waiting=150)
    admission.enter(LIVE, 1, None, streamed=False, size=100)
    status, told = await call(gate(most=1000, task="embed", admission=admission), EMBED, chunks=(body,))
    assert (status, told["error"]["message"]) == (503, "the engine is full: 96 wait, of at most 150")

"""Who may start where prompts take an engine's time: first tokens are counted while a crowd waits for them."""

import contextlib
import random

import pytest

from serving.engine.admission import LIVE, Admission, Full, Place
from tests.unit.test_serving_admission import Clock


def read_one_by_one(admission: Admission, clock: Clock, *, slots_s: float, prompt_s: float, arrivals_s: float) -> list[float]:
    """For so long, an engine that reads one prompt after the other, each `prompt_s`, and ends an answer with its first token,
    while others come at chance with 5 s of patience. Seconds to the first token of each that was let in.
    """
    chance, line, firsts = random.Random(7), list[tuple[float, Place]](), list[float]()
    ends, read_at, next_at = clock.now + slots_s, clock.now + prompt_s, clock.now
    while clock.now < ends:
        clock.now = min(read_at, next_at)
        if clock.now == next_at:
            next_at += chance.expovariate(arrivals_s)
            with contextlib.suppress(Full):
                line.append((clock.now, admission.enter(LIVE, 1, 5.0)))
        if clock.now == read_at:
            read_at += prompt_s
            if line:
                came, place = line.pop(0)
                firsts.append(clock.now - came)
                admission.start(place)
                admission.leave(place)
    return firsts


def test_where_prompts_take_the_time_whoever_would_be_late_is_refused_though_slots_are_free() -> None:
    clock = Clock()
    admission = Admission(64, 2, clock)
    firsts = read_one_by_one(admission, clock, slots_s=60.0, prompt_s=0.25, arrivals_s=20.0)
    in_time = [first for first in firsts if first <= 5.0]
    assert len(in_time) > 0.95 * 60 / 0.25
    assert len(firsts) - len(in_time) <= 5


def test_where_prompts_take_the_time_a_crowd_comes_back_in_a_line() -> None:
    clock = Clock()
    admission = Admission(64, 2, clock)
    read_one_by_one(admission, clock, slots_s=30.0, prompt_s=0.25, arrivals_s=20.0)
    told = []
    for _ in range(100):
        with pytest.raises(Full) as refused:
            admission.enter(LIVE, 1, 1.0)
        told.append(refused.value.after_s)
    assert told[-1] - told[0] == pytest.approx(99 / (4.0 * 1.25), abs=2)


def test_what_a_few_saw_who_were_alone_with_an_engine_tells_nothing_of_a_crowd() -> None:
    clock = Clock()
    admission = Admission(16, 2, clock)
    read_one_by_one(admission, clock, slots_s=60.0, prompt_s=0.5, arrivals_s=0.5)
    for _ in range(16):
        admission.enter(LIVE, 1, 2.0)


def test_how_slow_a_crowd_was_read_is_forgotten() -> None:
    clock = Clock()
    admission = Admission(64, 2, clock)
    read_one_by_one(admission, clock, slots_s=30.0, prompt_s=0.25, arrivals_s=20.0)
    assert admission.wait_s(LIVE) > 1
    clock.now += 31
    assert admission.wait_s(LIVE) == 0

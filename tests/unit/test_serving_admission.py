"""Who may start at an engine: waits estimated from what was seen, late starters refused, background work bounded."""

import random

import pytest

from serving.engine.admission import BACKGROUND, DRAFT, LIVE, LONGEST_RETRY_S, RETRY, Admission, Full, Place


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def busy(slots: int = 4, *, each_s: float = 2.0, waiting: int = 0) -> tuple[Admission, Clock, list[Place]]:
    """An engine with all slots taken, whose answers have lately ended one every `each_s / slots` seconds."""
    clock = Clock()
    admission = Admission(slots, slots, clock)
    places = [admission.enter(LIVE, 1, None) for _ in range(slots + 8)]
    for _ in range(8):
        clock.now += each_s / slots
        admission.leave(places.pop(0))
    return admission, clock, places + [admission.enter(LIVE, 1, None) for _ in range(waiting)]


def test_nobody_waits_while_slots_are_free_and_nothing_is_refused_while_nothing_is_known() -> None:
    admission = Admission(4, 2, Clock())
    for _ in range(4):
        assert admission.wait_s(LIVE) == 0
        admission.enter(LIVE, 1, 0.0)
    admission.enter(LIVE, 1, 0.0)
    assert admission.here == 5


def test_the_wait_is_what_is_ahead_over_the_rate_of_ends() -> None:
    admission, _, _ = busy(slots=4, each_s=2.0, waiting=5)
    assert admission.wait_s(LIVE) == pytest.approx(6 / 2.0)
    assert admission.wait_s(LIVE, answers=3) == pytest.approx(8 / 2.0)


def test_who_could_not_start_in_time_is_refused_and_told_when() -> None:
    admission, _, _ = busy(slots=4, each_s=2.0, waiting=5)
    with pytest.raises(Full, match=r"3\.0 s .* within 1\.0 s") as refused:
        admission.enter(LIVE, 1, 1.0)
    assert refused.value.after_s == 2
    before = admission.here
    admission.enter(LIVE, 1, 3.0)
    assert admission.here == before + 1


def test_an_idle_time_does_not_make_the_engine_look_slow() -> None:
    admission, clock, places = busy(slots=4, each_s=2.0)
    for place in places:
        admission.leave(place)
    clock.now += 3600
    for _ in range(9):
        admission.enter(LIVE, 1, None)
    assert admission.wait_s(LIVE) < 6 / 2.0 + 1


def test_what_is_less_urgent_is_not_ahead() -> None:
    admission, _, _ = busy(slots=4, each_s=2.0)
    for _ in range(20):
        admission.enter(DRAFT, 1, None)
    assert admission.wait_s(LIVE) == pytest.approx(0.5)
    assert admission.wait_s(DRAFT) >= 21 / 2.0


def test_what_is_less_urgent_and_has_begun_holds_its_slot() -> None:
    admission, _, places = busy(slots=4, each_s=2.0)
    for place in places:
        admission.leave(place)
    drafts = [admission.enter(DRAFT, 1, None) for _ in range(4)]
    assert admission.wait_s(LIVE) == 0
    for draft in drafts:
        admission.start(draft)
    assert admission.wait_s(LIVE) > 0
    admission.leave(drafts[0])
    assert admission.wait_s(LIVE) == 0


def test_who_is_overtaken_all_the_time_is_not_promised_a_start() -> None:
    admission, clock, places = busy(slots=4, each_s=2.0, waiting=2)
    for _ in range(40):  # as many live ones come as end
        clock.now += 0.5
        admission.leave(places.pop(0))
        places.append(admission.enter(LIVE, 1, None))
    assert admission.wait_s(LIVE) == pytest.approx(3 / 2.0)
    with pytest.raises(Full) as refused:
        admission.enter(RETRY, 1, 60.0)
    assert refused.value.after_s <= 2
    for _ in range(20):  # then none
        clock.now += 0.5
        admission.leave(places.pop(0))
        places.append(admission.enter(RETRY, 1, None))
    admission.enter(RETRY, 1, 60.0)


def test_starts_that_were_late_make_the_next_promise_smaller() -> None:
    admission, clock, places = busy(slots=4, each_s=2.0, waiting=3)
    waiting = admission.enter(LIVE, 1, 2.5)
    clock.now = waiting.due_at + 0.4
    admission.start(waiting)
    admission.leave(places.pop(0))
    with pytest.raises(Full):
        admission.enter(LIVE, 1, admission.wait_s(LIVE) + 0.3)
    admission.enter(LIVE, 1, admission.wait_s(LIVE) + 0.5)


def test_one_late_start_is_remembered_over_a_hundred_punctual_ones() -> None:
    admission, clock, places = busy(slots=4, each_s=2.0, waiting=3)
    for late_s in (0.4, *[0.0] * 100):
        waiting = admission.enter(LIVE, 1, None)
        clock.now = max(clock.now, waiting.due_at) + late_s
        admission.start(waiting)
        admission.leave(places.pop(0))
        places.append(waiting)
    with pytest.raises(Full):
        admission.enter(LIVE, 1, admission.wait_s(LIVE) + 0.3)


def test_background_work_that_stood_aside_says_nothing_of_others() -> None:
    admission, clock, places = busy(slots=4, each_s=2.0, waiting=3)
    work = admission.enter(BACKGROUND, 1, None)
    clock.now = work.due_at + 60
    admission.start(work)
    admission.leave(places.pop(0))
    admission.enter(LIVE, 1, admission.wait_s(LIVE) + 0.1)


def test_who_must_not_wait_is_let_in_however_late_others_were() -> None:
    admission = Admission(2, 1, clock := Clock())
    slow = admission.enter(LIVE, 1, 0.5)
    clock.now += 30
    admission.start(slow)
    admission.enter(LIVE, 1, 0.5)


def test_before_anything_is_known_no_more_than_one_for_each_slot_waits_with_a_deadline() -> None:
    admission = Admission(4, 2, Clock())
    for _ in range(8):
        admission.enter(LIVE, 1, 5.0)
    with pytest.raises(Full, match="not known yet"):
        admission.enter(LIVE, 1, 5.0)
    admission.enter(LIVE, 1, None)


def test_an_engine_that_ends_nothing_is_believed_to_be_slow() -> None:
    admission, clock, _ = busy(slots=4, each_s=2.0, waiting=3)
    before = admission.wait_s(LIVE)
    clock.now += 40
    assert admission.wait_s(LIVE) > 3 * before


def test_a_crowd_that_is_sent_away_comes_back_in_a_line_somewhat_faster_than_answers_end() -> None:
    admission, _, _ = busy(slots=4, each_s=2.0, waiting=5)
    told = []
    for _ in range(100):
        with pytest.raises(Full) as refused:
            admission.enter(LIVE, 1, 1.0)
        told.append(refused.value.after_s)
    assert told == sorted(told)
    assert told[-1] - told[0] == pytest.approx(99 / (2.0 * 1.25), abs=1)


def test_nobody_waits_behind_those_who_have_not_come_once_slots_are_free() -> None:
    admission, _, places = busy(slots=1, each_s=2.0)
    for _ in range(50):
        with pytest.raises(Full):
            admission.enter(LIVE, 1, 0.1)
    for place in places:
        admission.leave(place)
    admission.enter(LIVE, 1, 0.1)
    with pytest.raises(Full) as refused:
        admission.enter(LIVE, 1, 0.1)
    assert refused.value.after_s <= 3


def test_so_many_wait_at_most_whether_or_not_they_have_a_deadline() -> None:
    admission = Admission(2, 1, Clock(), waiting=3)
    for _ in range(5):
        admission.enter(LIVE, 1, None)
    with pytest.raises(Full, match="3 wait, of at most 3"):
        admission.enter(LIVE, 1, None)
    with pytest.raises(Full):
        admission.enter(DRAFT, 2, None)


def test_background_work_holds_no_more_than_its_slots_whoever_else_is_there() -> None:
    admission = Admission(4, 2, Clock())
    first = admission.enter(BACKGROUND, 1, None)
    admission.enter(BACKGROUND + 5, 1, None)
    with pytest.raises(Full, match="at most 2"):
        admission.enter(BACKGROUND, 1, None)
    admission.enter(LIVE, 1, None)
    admission.leave(first)
    with pytest.raises(Full):
        admission.enter(BACKGROUND, 2, None)
    admission.enter(BACKGROUND, 1, None)


def test_a_retry_is_never_asked_for_at_once_nor_in_an_hour() -> None:
    admission, _, _ = busy(slots=1, each_s=10_000.0)
    with pytest.raises(Full) as refused:
        admission.enter(LIVE, 1, 0.0)
    assert refused.value.after_s == LONGEST_RETRY_S
    assert Full("", 0.0).after_s == 1


def test_places_are_given_back_whatever_the_order() -> None:
    seed = random.randrange(10_000)
    print(f"seed {seed}")
    chance, clock = random.Random(seed), Clock()
    admission, places = Admission(3, 2, clock), list[Place]()
    for _ in range(2000):
        clock.now += chance.random()
        if places and chance.random() < 0.5:
            admission.start(chance.choice(places))
            admission.leave(places.pop(chance.randrange(len(places))))
            continue
        try:
            places.append(
                admission.enter(chance.choice((LIVE, DRAFT, BACKGROUND)), chance.randint(1, 2), chance.choice((None, 1.0)))
            )
        except Full:
            assert admission.here > 0
        assert admission.here == sum(place.answers for place in places)
    for place in places:
        admission.leave(place)
    assert admission.here == 0
    assert admission.wait_s(BACKGROUND) == 0


def test_answers_that_begin_and_end_together_are_counted_together() -> None:
    clock = Clock()
    admission = Admission(4, 2, clock)
    for _ in range(3):  # nobody waits: the slots are refilled only after all have ended
        places = [admission.enter(LIVE, 1, None) for _ in range(4)]
        clock.now += 2.0
        for place in places:
            admission.leave(place)
            clock.now += 0.001
    for _ in range(6):
        admission.enter(LIVE, 1, None)
    assert admission.wait_s(LIVE) == pytest.approx(3 / 2.0, rel=0.05)


def test_who_gives_up_while_waiting_does_not_make_the_engine_look_quick() -> None:
    admission, _, places = busy(slots=4, each_s=2.0, waiting=20)
    before = admission.wait_s(LIVE)
    for _ in range(8):
        admission.leave(places.pop(), answered=False)
    assert admission.wait_s(LIVE) == pytest.approx(before - 8 / 2.0)


def test_answers_that_had_the_engine_for_themselves_tell_nothing_of_a_full_one() -> None:
    clock = Clock()
    admission = Admission(4, 2, clock)
    for _ in range(20):
        place = admission.enter(LIVE, 1, None)
        clock.now += 0.1
        admission.leave(place)
    for _ in range(5):
        admission.enter(LIVE, 1, None)
    assert admission.wait_s(LIVE) == 0

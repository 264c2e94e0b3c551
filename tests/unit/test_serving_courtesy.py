"""When background work stands aside for those who wait for their first token."""

from dataclasses import dataclass

import pytest

from serving.engine.admission import BACKGROUND, DRAFT, LIVE
from serving.engine.courteous import Courteous
from serving.engine.courtesy import MOST_STEPS, PIECE, Courtesy


@dataclass(frozen=True, slots=True)
class Asked:
    priority: int
    num_output_tokens: int = 0
    uncomputed: int = 1
    num_tokens: int = 100

    @property
    def num_computed_tokens(self) -> int:
        return self.num_tokens - self.uncomputed


WORK = Asked(BACKGROUND, uncomputed=90)
STREAM = Asked(LIVE, 9)
PROMPT = Asked(LIVE, uncomputed=90)


@pytest.mark.parametrize(
    ("running", "waiting", "aside"),
    [
        ([WORK], [], False),
        ([WORK, Asked(LIVE)], [], True),
        ([WORK, Asked(DRAFT)], [], True),
        ([WORK, Asked(LIVE, 1)], [], False),  # answered already
        ([WORK, Asked(LIVE, 9, uncomputed=60)], [], True),  # and interrupted: all of it is computed anew
        ([WORK], [Asked(LIVE)], True),  # starts in this step
        ([WORK, Asked(LIVE, 9)], [Asked(LIVE)], False),  # no slot is free: nothing is gained for it
        ([WORK], [WORK], False),
    ],
)
def test_background_work_stands_aside_for_a_first_token_that_can_come(
    running: list[Asked], waiting: list[Asked], aside: bool
) -> None:
    assert Courtesy().stands_aside(running, waiting, slots=2) is aside


def test_background_work_is_not_left_out_for_ever() -> None:
    courtesy = Courtesy()
    seen = [courtesy.stands_aside([WORK, Asked(LIVE)], [], slots=2) for _ in range(2 * MOST_STEPS + 2)]
    assert seen == [*[True] * MOST_STEPS, False] * 2


class Waiting(list[Asked]):
    add_request = list.append

    def remove_requests(self, gone: list[Asked]) -> None:
        self[:] = [one for one in self if one not in gone]


@dataclass
class Cache:
    usage: float = 0.5


class Plain:
    """As much of vLLM's scheduler as is touched: a step takes tokens in the order of `running` until they are used up."""

    def __init__(self, running: list[Asked], waiting: list[Asked] | None = None) -> None:
        self.running = running
        self.waiting = Waiting(waiting or [])
        self.requests = {str(number): one for number, one in enumerate([*running, *self.waiting])}
        self.kv_cache_manager = Cache()
        self.max_num_active_reqs = 4
        self.max_num_scheduled_tokens = 128

    def schedule(self) -> list[tuple[Asked, int]]:
        taken, left = [], self.max_num_scheduled_tokens
        for one in [*self.running, *self.waiting[: self.max_num_active_reqs - len(self.running)]]:
            tokens = min(one.uncomputed, left)
            left -= tokens
            if tokens:
                taken.append((one, tokens))
        return taken


class Rigged(Courteous, Plain):
    pass


def test_a_step_without_background_work_is_vllms_own() -> None:
    assert Rigged([STREAM, PROMPT]).schedule() == [(STREAM, 1), (PROMPT, 90)]


def test_a_background_prompt_is_computed_in_small_pieces_behind_who_streams() -> None:
    scheduler = Rigged([WORK, STREAM])
    assert scheduler.schedule() == [(STREAM, 1), (WORK, PIECE + 1)]
    assert scheduler.max_num_scheduled_tokens == 128


def test_whoever_waits_has_the_step_for_itself_and_nothing_is_forgotten() -> None:
    scheduler = Rigged([WORK, PROMPT], [WORK])
    assert scheduler.schedule() == [(PROMPT, 90)]
    assert (sorted(map(id, scheduler.running)), scheduler.waiting) == (sorted(map(id, [WORK, PROMPT])), [WORK])
    assert scheduler.max_num_active_reqs == 4


def test_the_step_that_background_work_takes_part_in_is_not_used_up_by_who_waits() -> None:
    scheduler = Rigged([PROMPT, WORK])
    steps = [scheduler.schedule() for _ in range(MOST_STEPS + 1)]
    assert steps == [*[[(PROMPT, 90)]] * MOST_STEPS, [(WORK, PIECE + 2)]]


def test_where_the_cache_is_nearly_full_vllm_sees_all_that_runs() -> None:
    scheduler = Rigged([WORK, PROMPT])
    scheduler.kv_cache_manager.usage = 0.95
    assert scheduler.schedule() == [(WORK, 90), (PROMPT, 38)]

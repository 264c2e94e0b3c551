"""When background work stands aside for those who wait for their first token."""

from dataclasses import dataclass

import pytest

from serving.engine.admission import BACKGROUND, DRAFT, LIVE
from serving.engine.courtesy import MOST_STEPS, Courtesy


@dataclass(frozen=True, slots=True)
class Asked:
    priority: int
    num_output_tokens: int = 0


WORK = Asked(BACKGROUND)


@pytest.mark.parametrize(
    ("running", "waiting", "aside"),
    [
        ([WORK], [], False),
        ([WORK, Asked(LIVE)], [], True),
        ([WORK, Asked(DRAFT)], [], True),
        ([WORK, Asked(LIVE, 1)], [], False),  # answered already
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

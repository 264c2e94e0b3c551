"""What is computed about prefix reuse, on a conversation that was held with the real model."""

import pytest

from tests.bench.reuse import Spoken, bound, undeclared

SEEN = [
    *[Spoken(41, 0, 64, ""), Spoken(140, 0, 64, ""), Spoken(238, 128, 64, ""), Spoken(336, 256, 64, "")],
    *[Spoken(434, 384, 64, ""), Spoken(532, 384, 64, ""), Spoken(630, 512, 64, ""), Spoken(151, 0, 64, "rollover")],
    *[Spoken(249, 128, 64, ""), Spoken(347, 256, 64, ""), Spoken(446, 384, 64, ""), Spoken(546, 384, 64, "")],
]


def test_a_window_that_only_grows_reaches_the_bound() -> None:
    assert bound(SEEN, 700, 128) == pytest.approx(sum(one.cached for one in SEEN) / sum(one.prompt for one in SEEN))


def test_the_bound_knows_nothing_of_when_the_window_rolled_over() -> None:
    early = [*SEEN[:4], Spoken(151, 0, 64, "rollover"), *SEEN[8:]]
    assert bound(early, 700, 128) > sum(one.cached for one in early) / sum(one.prompt for one in early) + 0.02


@pytest.mark.parametrize(
    ("prompts", "broken", "found"),
    [
        ([[1, 2], [1, 2, 3]], ["", ""], 0),
        ([[1, 2], [1, 3, 2]], ["", "rollover"], 0),  # said why
        ([[1, 2], [1, 3, 2]], ["", ""], 1),
        ([[1, 2], [1]], ["", ""], 1),  # shorter
    ],
)
def test_prompts_that_silently_do_not_extend_are_counted(prompts: list[list[int]], broken: list[str], found: int) -> None:
    assert undeclared(prompts, broken) == found

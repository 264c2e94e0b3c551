"""The oracle can fail: five guarantees broken one at a time, and each turns a run red."""

import pytest

from tests.faults.order import Order, Outcome
from tests.faults.suite import perform

BEFORE_STORING = "storing.store_answer:before"


async def outcome_of(order: Order) -> Outcome:
    outcomes: list[Outcome] = []
    await perform([order], outcomes.append)
    return outcomes[0]


@pytest.mark.parametrize(
    ("mutant", "kills", "broken"),
    [
        ("acknowledge_early", ["receiving.take:before"] * 2, "lost"),  # dies between the acknowledgement and the commit
        ("regenerate", ["carry.Carrier._sent.record:before"] * 2, "unlike"),  # the retry shows another answer than the stored one
        ("send_first", [BEFORE_STORING] * 2, "unlike"),  # what was sent is stored by nobody
        ("no_dedup", ["receiving.take:after"] * 2, "duplicated"),  # nobody heard the acknowledgement, so it is sent again
    ],
)
async def test_a_broken_guarantee_turns_a_run_red(mutant: str, kills: list[str], broken: str) -> None:
    outcome = await outcome_of(Order(7, "sqlite", kills, mutant=mutant, web=4, push=6, trouble=False, peace_s=5))
    assert sum(outcome.fired.values()) >= len(kills)
    assert outcome.verdict.broken[broken], outcome.verdict.broken


async def test_an_answer_stored_past_its_epoch_turns_a_run_red() -> None:
    """A process stopped past its lease goes on with an answer that another process has given meanwhile."""
    outcome = await outcome_of(
        Order(8, "postgres", [], push=0, stops=[BEFORE_STORING], mutant="past_epoch", trouble=False, peace_s=5)
    )
    assert outcome.fired[f"stop {BEFORE_STORING}"] == 1
    assert outcome.verdict.broken["duplicated"] or outcome.verdict.broken["stale"], outcome.verdict.broken


@pytest.mark.parametrize("kills", [["receiving.take:after", BEFORE_STORING, "channel.send:after", "receiving.take:before"]])
async def test_the_same_deaths_are_survived_unbroken(kills: list[str]) -> None:
    outcome = await outcome_of(Order(7, "sqlite", kills, web=4, push=6, trouble=False))
    assert outcome.verdict.clean, outcome.verdict.broken

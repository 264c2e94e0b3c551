"""The short form of the faults suite: a few dozen deaths on each database, from a seed that is new each time and printed."""

import random
from dataclasses import replace

import pytest

from tests.faults import report
from tests.faults.order import Order, Outcome
from tests.faults.points import MIGRATION, STOPS, points_of
from tests.faults.suite import perform

SEED = random.SystemRandom().randrange(1_000_000)


def short(database: str, kills: int, stops: int) -> Order:
    dice = random.Random(f"{SEED} {database}")
    chosen = (*MIGRATION[:2], *dice.sample(points_of(database), kills - 2))
    return Order(SEED, database, chosen, stops=tuple(dice.sample(list(STOPS), stops)), web=6, push=6)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("database", "kills", "stops"), [("sqlite", 20, 0), ("postgres", 12, 2)])
async def test_no_death_loses_repeats_or_reorders_anything(database: str, kills: int, stops: int) -> None:
    outcomes: list[Outcome] = []
    order = short(database, kills, stops)
    await perform([replace(order, interrupt=SEED % 2 == 0)], outcomes.append)
    entry = report.entry(outcomes[0])
    print(*report.lines(entry), sep="\n")
    assert entry["kills"] >= kills
    assert outcomes[0].verdict.clean, (SEED, entry["sentences"])

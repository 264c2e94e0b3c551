"""The short form of the faults suite: a few dozen deaths on each database, from a seed that is new each time and printed."""

import random

import pytest

from tests.faults import report
from tests.faults.order import Order, Outcome
from tests.faults.points import MIGRATION, NEEDS, STOPS, points_of
from tests.faults.suite import perform

SEED = random.SystemRandom().randrange(1_000_000)


def short(database: str, kills: int, stops: int) -> Order:
    dice = random.Random(f"{SEED} {database}")
    interrupt = SEED % 3 > 0
    points = [point for point in points_of(database) if interrupt or NEEDS.get(point) != "burst"]
    chosen = (*MIGRATION[:2], *dice.sample(points, kills - 2))
    stopped = tuple(dice.sample(list(STOPS), stops))
    return Order(SEED, database, chosen, stops=stopped, web=6, push=6, interrupt=interrupt)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("database", "kills", "stops"), [("sqlite", 20, 0), ("postgres", 12, 2)])
async def test_no_death_loses_repeats_or_reorders_anything(database: str, kills: int, stops: int) -> None:
    outcomes: list[Outcome] = []
    await perform([short(database, kills, stops)], outcomes.append)
    entry = report.entry(outcomes[0])
    print(*report.lines(entry), sep="\n")
    assert entry["kills"] >= kills
    assert outcomes[0].verdict.clean, (SEED, entry["sentences"])

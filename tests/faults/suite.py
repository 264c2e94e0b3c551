"""Which runs there are: seeds alternate between the databases, and their kills go round all points in turn."""

import asyncio
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.faults import databases
from tests.faults.databases import PostgresServer
from tests.faults.order import Order, Outcome
from tests.faults.points import CLOCK, MIGRATION, NEEDS, STOPS, points_of
from tests.faults.run import Run
from tests.faults.town import Town

KILLS_A_RUN = 40
STOPS_A_RUN = 4
DATABASES = ("sqlite", "postgres")


def orders(kills: int, *, first: int, of: Sequence[str]) -> Iterator[Order]:
    """Runs of forty kills until there are `kills`, from seed `first` on. An order depends on its seed alone."""
    seed, left = first, kills
    while left > 0:
        if DATABASES[seed % 2] in of:
            order = order_of(seed, min(left, KILLS_A_RUN))
            left -= len(order.kills)
            yield order
        seed += 1


def order_of(seed: int, kills: int = KILLS_A_RUN) -> Order:
    """The run of a seed; where its database is, is filled in later."""
    database, round_ = DATABASES[seed % 2], seed // 2
    points = points_of(database)
    others = max(kills - len(MIGRATION), 0)
    turn = [points[(round_ * (KILLS_A_RUN - len(MIGRATION)) + number) % len(points)] for number in range(others)]
    interrupt = random.Random(seed).random() < 0.7
    if not interrupt:  # then nothing is ever taken up again in its middle
        turn = [CLOCK if NEEDS.get(point) == "burst" else point for point in turn]
    stops = tuple(STOPS)
    halts = [stops[(round_ * STOPS_A_RUN + number) % len(stops)] for number in range(STOPS_A_RUN)]
    return Order(
        seed,
        database,
        kills=(*MIGRATION[:kills], *turn),
        stops=tuple(halts) if database == "postgres" and kills == KILLS_A_RUN else (),
        interrupt=interrupt,
    )


async def perform(wanted: Sequence[Order], done: Callable[[Outcome], None], *, keep: Path | None = None) -> None:
    """Run them one after another; `done` hears of each. `keep`: a folder for ledgers, logs and databases that stay."""
    with ExitStack() as stack:
        server = None
        if any(order.url.startswith("postgres") for order in wanted):
            server = await asyncio.to_thread(stack.enter_context, databases.postgres())
        folder = keep or _passing(stack)
        async with Town(folder) as town:
            for order in wanted:
                place = folder / f"{order.seed}{order.mutant}"
                place.mkdir()
                done(await _perform(order, town, place, server))


def _passing(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frontdesk-faults-", ignore_cleanup_errors=True)))


async def _perform(order: Order, town: Town, folder: Path, server: PostgresServer | None) -> Outcome:
    if order.url == "sqlite":
        return await Run(replace(order, url=f"sqlite:///{folder / 'frontdesk.db'}"), town, folder, None).go()
    assert server is not None, "a server is up for the runs over PostgreSQL"
    url = await asyncio.to_thread(server.make)
    outcome = await Run(replace(order, url=url), town, folder, server).go()
    await asyncio.to_thread(server.drop, url)
    return outcome

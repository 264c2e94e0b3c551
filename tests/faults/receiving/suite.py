"""Which runs of receiving there are: for each mode, seeds whose kills go round its points in turn."""

import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.faults.receiving.crowd import Crowd
from tests.faults.receiving.order import Order, Outcome
from tests.faults.receiving.points import POINTS, Mode
from tests.faults.receiving.run import Run
from tests.faults.town import Town

KILLS_A_RUN = 50
PARTS: Mapping[Mode, str] = {
    "polling": "tests.faults.receiving.telegram_parts",
    "webhook": "tests.faults.receiving.telegram_parts",
    "gateway": "tests.faults.receiving.discord_parts",
}


def orders(kills: int, *, mode: Mode, first: int) -> Iterator[Order]:
    """Runs of fifty kills until there are `kills`, from seed `first` on. An order depends on mode and seed alone."""
    seed, left = first, kills
    while left > 0:
        yield order_of(seed, mode, min(left, KILLS_A_RUN))
        seed, left = seed + 1, left - KILLS_A_RUN


def order_of(seed: int, mode: Mode, kills: int = KILLS_A_RUN) -> Order:
    """One kill is that of the first life; the others go round the points, shuffled."""
    points = POINTS[mode]
    turn = [points[(seed * (KILLS_A_RUN - 1) + number) % len(points)] for number in range(kills - 1)]
    random.Random(f"{seed} {mode}").shuffle(turn)
    return Order(seed, mode, turn, interrupt=seed % 3 > 0)


async def perform(
    wanted: Sequence[Order], done: Callable[[Outcome], None], *, crowds: Sequence[Mode] = (), keep: Path | None = None
) -> None:
    """Run them one after another, then the crowds; `done` hears of each. `keep`: a folder for logs and databases that stay."""
    with ExitStack() as stack:
        passing = tempfile.TemporaryDirectory(prefix="frontdesk-faults-", ignore_cleanup_errors=True)
        folder = keep or Path(stack.enter_context(passing))
        async with Town(folder, *{PARTS[mode] for mode in (*crowds, *(order.mode for order in wanted))}) as town:
            for order in wanted:
                place = folder / f"{order.mode}-{order.seed}{order.mutant}"
                place.mkdir()
                done(await Run(order, town, place).go())
            for mode in crowds:
                place = folder / f"{mode}-crowd"
                place.mkdir()
                done(await Crowd(mode, town, place).go())

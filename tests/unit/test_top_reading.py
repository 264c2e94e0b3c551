"""Pages that are broken in any way are read or refused, and nothing else becomes of them."""

import random

from bot.cli.watching.exposition import Unreadable, read
from bot.cli.watching.rows import bot_row, node_rows
from tests.recorded import recorded

STRANGE = '{}",=\\ #\t0eN+-.é\x1b'


def test_a_mutilated_page_is_read_or_refused() -> None:
    seed = random.randrange(10**9)
    print("seed", seed)
    dice, lines, refused = random.Random(seed), recorded("node_after").splitlines(), 0
    for _ in range(1500):
        line = list(dice.choice(lines))
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(line) + 1)
            line[place : place + dice.randint(0, 2)] = dice.choice(["", "", dice.choice(STRANGE)])
        try:
            now = read(f"{''.join(line)}\n{dice.choice(lines)}", 1, 2)
        except Unreadable:
            refused += 1
        else:
            node_rows(now, None)
            bot_row(now, now)
    assert 0 < refused < 1500

"""Random lives of one conversation: an undeclared prompt extends the one before, and questions are answered once, in order."""

import asyncio
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.generation.client import Deadlines
from bot.store.sqlite import SqliteStore
from bot.store.tables import conversation, reply_trace, turn
from tests.contract.stores import make_tables
from tests.house import House, open_house
from tests.scripted_node import Messages, template

QUICK = Deadlines(1, 1, 3)
_ANSWERS = (
    sa.select(turn.c.text, turn.c.answers_through, reply_trace.c.window_break)
    .join(reply_trace, sa.and_(reply_trace.c.conversation_id == turn.c.conversation_id, reply_trace.c.seq == turn.c.seq))
    .order_by(turn.c.seq)
)
_DUE = sa.select(sa.func.count()).select_from(conversation).where(conversation.c.due_at.is_not(None))


async def _live(house: House, dice: random.Random) -> None:
    """Messages, stops, both in one breath, and a node that fails now and then; then one last question, answered in peace."""
    for number in range(30):
        acts = dice.choice([["hear"], ["hear"], ["stop"], ["stop", "hear"], ["hear", "stop"]])
        await asyncio.gather(*(house.hear("ann", f"question {number}") if act == "hear" else house.stop("ann") for act in acts))
        house.node.behaviour.fault = dice.choice(["", "", "", "cut", "full"])
        await asyncio.sleep(dice.random() * 0.05)  # what meets what is the dice's
    house.node.behaviour.fault = ""
    await house.hear("ann", "the last question")
    async with asyncio.timeout(20):
        while await house.store.read(lambda connection: connection.scalar(_DUE)):
            await asyncio.sleep(0.01)


def _mistakes(answers: Sequence[sa.Row], prompts: Sequence[Messages]) -> list[str]:
    found = []
    for before, after in pairwise(answers):
        earlier, later = (template(prompts[int(one.text.split()[0])]).removesuffix("<assistant>") for one in (before, after))
        if not later.startswith(earlier) and not after.window_break:
            found.append(f"undeclared break before the answer through {after.answers_through}")
        if after.answers_through <= before.answers_through:
            found.append(f"answered through {before.answers_through}, then through {after.answers_through}")
    return found


@pytest.mark.parametrize("seed", [0, 1, 7, 33, 37])
async def test_windows_only_grow_but_for_declared_breaks(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    make_tables(sa.create_engine(f"sqlite:///{tmp_path / 'f.db'}"))
    store = await SqliteStore.open(tmp_path / "f.db")
    prompts: list[Messages] = []

    def script(messages: Messages) -> str:
        prompts.append(messages)
        return f"{len(prompts) - 1} " + "word " * dice.randrange(1, 12)

    limits = {"history_tokens": dice.choice([0, 700]), "interruptible": dice.random() < 0.7}
    async with open_house(store, deadlines=QUICK, **limits) as house:
        house.node.behaviour.script, house.node.behaviour.pace_s = script, 0.003
        await _live(house, dice)
        answers = await store.read(lambda connection: connection.execute(_ANSWERS).all())
    await store.close()
    assert _mistakes(answers, prompts) == [], f"seed {seed}"

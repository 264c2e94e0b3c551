"""Prefix reuse of many conversations at once, and whether an old conversation waits longer for a first token than a young one."""

import asyncio
import itertools
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.tables import reply_trace
from tests.bench.asker import prose
from tests.bench.engine import BLOCK, PROMPT, real_engine
from tests.bench.figures import Figure, figure, figure_of
from tests.bench.product import Remote, make_tables, product
from tests.bench.reuse import Spoken, bound

YOUNG, OLD = 3, 30
TOKENS = 32
MOST = 1.3
WITHIN = 0.02


@dataclass(frozen=True, slots=True)
class Turn:
    spoken: Spoken
    first_ms: int


@dataclass(frozen=True, slots=True)
class Form:
    """So many conversations of so many exchanges each, with a window of `budget` tokens."""

    conversations: int
    turns: int
    budget: int


async def prefix(crowd: Form, alone: Sequence[Form]) -> list[Figure]:
    """`alone`: for the first tokens, one conversation after the other."""
    with real_engine(kv_cache_gib="4") as remote:
        figures = [_reuse(crowd, await _converse(remote, crowd, range(crowd.conversations)))]
        for form in alone:
            conversations = [await _converse(remote, form, [100 + one]) for one in range(form.conversations)]
            figures.append(_age(form, [turns for turns, *_ in conversations]))
    return figures


async def _converse(remote: Remote, form: Form, seeds: Sequence[int]) -> list[list[Turn]]:
    """A conversation for each seed, all at once; their traces."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        database = f"sqlite:///{folder}/a.db"
        make_tables(database)
        async with product(database, remote, history_tokens=form.budget, max_tokens=TOKENS, prompt=PROMPT) as running:

            async def talk(seed: int) -> None:
                who, dice = f"ann{seed}", random.Random(seed)
                for number in range(form.turns):
                    await running.hear(who, f"Tell me about this: {prose(dice, dice.randint(20, 45))}.")
                    await running.answer(who, 2 * number + 1)

            await asyncio.gather(*map(talk, seeds))
            return await running.store.read(_by_conversation)


def _by_conversation(connection: sa.Connection) -> list[list[Turn]]:
    trace = reply_trace.c
    columns = (trace.conversation_id, trace.prompt_tokens, trace.cached_tokens, trace.output_tokens, trace.window_break)
    rows = connection.execute(sa.select(*columns, trace.first_token_ms).order_by(trace.conversation_id, trace.seq))
    grouped = itertools.groupby(rows, key=lambda row: row[0])
    return [[Turn(Spoken(*row[1:5]), row[5]) for row in turns] for _, turns in grouped]


def _reuse(form: Form, conversations: Sequence[Sequence[Turn]]) -> Figure:
    """The share of all prompts together, beside what each conversation alone could have had."""
    most = sum(bound([one.spoken for one in turns], form.budget) * _prompts(turns) for turns in conversations)
    most /= sum(map(_prompts, conversations))
    breaks = [one.spoken.broken for turns in conversations for one in turns]
    beside = {"bound": most, "roll-overs": breaks.count("rollover"), "turns declared broken": sum(map(bool, breaks))}
    mode = f"{form.conversations} conversations at once, {form.turns} exchanges, budget {form.budget}, vLLM on CPU, block {BLOCK}"
    return figure_of("prefix reuse", mode, "cached/prompt", conversations, _share, at_least=most - WITHIN, beside=beside)


def _share(conversations: Sequence[Sequence[Turn]]) -> float:
    return sum(one.spoken.cached for turns in conversations for one in turns) / sum(map(_prompts, conversations))


def _prompts(turns: Sequence[Turn]) -> int:
    return sum(one.spoken.prompt for one in turns)


def _age(form: Form, conversations: Sequence[Sequence[Turn]]) -> Figure:
    """Medians of the turns around the two, since how many tokens are left of a block is chance; a roll-over is not asked for."""
    ratios = [_around(turns, min(OLD, form.turns)) / _around(turns, YOUNG) for turns in conversations]
    old = [turns[min(OLD, form.turns) - 1] for turns in conversations]
    young = [turns[YOUNG - 1] for turns in conversations]
    beside = {
        f"ms at turn {YOUNG}": _middle([one.first_ms for one in young]),
        f"ms at turn {OLD}": _middle([one.first_ms for one in old]),
        "prompt tokens then": _middle([one.spoken.prompt for one in old]),
        "not cached": _middle([one.spoken.prompt - one.spoken.cached for one in old]),
        f"not cached at turn {YOUNG}": _middle([one.spoken.prompt - one.spoken.cached for one in young]),
    }
    mode = f"one at a time, budget {form.budget}, vLLM on CPU, block {BLOCK}"
    return figure(f"first token at turn {OLD} over turn {YOUNG}", mode, "", ratios, at_most=MOST, beside=beside)


def _around(turns: Sequence[Turn], turn: int) -> float:
    return _middle([one.first_ms for one in turns[turn - 2 : turn + 1] if not one.spoken.broken])


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]

"""Prefix reuse: how much of a long conversation's prompts the real vLLM need not compute, beside the most that could be."""

import asyncio
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from bot.generation.client import GenerationClient
from bot.generation.request import LIVE, GenerationRequest, Message
from bot.store.tables import reply_trace
from tests.bench.engine import BLOCK, PROMPT, TOKENS, Plain, real_engine
from tests.bench.figures import Figure, figure
from tests.bench.product import Remote, make_tables, product

QUESTION = "Tell me, in a few sentences, about the number {} and about what people use it for in daily life."
Prompt = Sequence[Message]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One answer as its trace tells it; `broken`: the declared reason why its prompt does not extend the one before."""

    prompt: int
    cached: int
    output: int
    broken: str


async def reuse(turns: int, budget: int) -> list[Figure]:
    """One conversation of so many exchanges through Frontdesk, and beside it the same with a sliding window."""
    with real_engine() as remote:
        plain = Plain(remote)
        (spoken, prompts), sliding = await asyncio.gather(_converse(remote, turns, budget), _sliding(plain, turns, budget))
        tokens = [await plain.tokens(prompt) for prompt in prompts]
        await plain.close()
    seen = sum(one.cached for one in spoken) / sum(one.prompt for one in spoken)
    most = bound(spoken, budget)
    broken = [one.broken for one in spoken]
    mode = f"{turns} exchanges, budget {budget}, vLLM on CPU, block {BLOCK}"
    beside = {
        "bound": most,
        "sliding window": sliding,
        "roll-overs": broken.count("rollover"),
        "turns declared broken": sum(map(bool, broken)),
    }
    return [
        figure("prefix reuse", mode, "cached/prompt", [seen], at_least=most - 0.02, beside=beside),
        figure("undeclared prompts that do not extend", mode, "", [undeclared(tokens, broken)], at_most=0),
    ]


async def _converse(remote: Remote, turns: int, budget: int) -> tuple[list[Spoken], list[Prompt]]:
    """Traces and prompts of the conversation, in order."""
    prompts: list[Prompt] = []
    stream = GenerationClient.stream

    def noting(self: GenerationClient, request: GenerationRequest, profile: Any) -> Any:
        if request.priority == LIVE:
            prompts.append(request.messages)
        return stream(self, request, profile)

    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder, patch.object(GenerationClient, "stream", noting):
        database = f"sqlite:///{folder}/a.db"
        make_tables(database)
        async with product(database, remote, history_tokens=budget, max_tokens=TOKENS, prompt=PROMPT) as running:
            for number in range(turns):
                await running.hear("ann", QUESTION.format(number))
                await running.answer("ann", 2 * number + 1)
            return await running.store.read(_traces), prompts


def _traces(connection: sa.Connection) -> list[Spoken]:
    trace = reply_trace.c
    columns = (trace.prompt_tokens, trace.cached_tokens, trace.output_tokens, trace.window_break)
    return [Spoken(*row) for row in connection.execute(sa.select(*columns).order_by(trace.seq))]


def bound(spoken: Sequence[Spoken], budget: int, block: int = BLOCK) -> float:
    """What a window could reuse that only grows until the budget is full and then begins again as small as this one ever did.

    Reused are all whole blocks of the last prompt and its answer (whose last token is never computed), and nothing after a
    roll-over, since the system prompt is shorter than a block. When this window rolled over is not asked: only lengths are.
    """
    grown = [after.prompt - before.prompt - before.output for before, after in itertools.pairwise(spoken)]
    questions = [length for length, one in zip(grown, spoken[1:], strict=True) if not one.broken]
    usual = sum(questions) / len(questions)
    begun = min([one.prompt for one in spoken if one.broken], default=spoken[0].prompt)
    kept = spoken[0].prompt - usual  # as if an empty answer to nothing came first
    reused = total = 0.0
    for one, length in zip(spoken, [usual, *grown], strict=True):
        prompt = kept + (usual if one.broken else length)
        if prompt > budget:
            prompt, kept = begun, 0.0
        reused += max(kept - 1, 0) // block * block
        total += prompt
        kept = prompt + one.output
    return reused / total


def undeclared(tokens: Sequence[list[int]], broken: Sequence[str]) -> int:
    """Prompts that do not begin with every token of the one before, and whose trace does not say why."""
    pairs = zip(itertools.pairwise(tokens), broken[1:], strict=True)
    return sum(not why and after[: len(before)] != before for (before, after), why in pairs)


async def _sliding(plain: Plain, turns: int, budget: int) -> float:
    """The usual way: the newest messages that fit, so that each prompt begins elsewhere."""
    messages: list[Message] = []
    prompt = cached = 0
    for number in range(turns):
        messages.append(("user", QUESTION.format(f"s{number}")))
        while len(await plain.tokens([("system", PROMPT), *messages])) > budget:
            messages = messages[2:]
        text, tokens, found = await plain.answer([("system", PROMPT), *messages])
        prompt, cached = prompt + tokens, cached + found
        messages.append(("assistant", text))
    return cached / prompt

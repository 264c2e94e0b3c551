"""Models that answer badly: none of it reaches a customer as an answer, and none of it goes on without an end."""

from collections.abc import AsyncIterator
from pathlib import Path

from bot.conversation.reply import APOLOGY
from tests.faults.node.models import make
from tests.faults.node.shop import Shop, shop, until
from tests.faults.node.starts import last_line, started

TOKENS = 400
ANSWERED_S = 60.0
MORE = f"[generation]\nmax_tokens = {TOKENS}"


async def answers(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Each bad model with what a customer got. Raises AssertionError when a promise was broken."""
    yield "NaN in the weights", _computes_nan(make("nan", folder / "nan"))
    for kind, name in {"marks": "only signs", "blanks": "only blanks", "silent": "nothing at all"}.items():
        async with shop(folder / f"shop-{kind}", make(kind, folder / kind), more=MORE) as running:
            yield name, await _excused(running)
    async with shop(folder / "shop-letters", make("letters", folder / "letters"), more=MORE) as running:
        yield "an answer without an end", await _cut(running)
        yield "a question longer than the context", await _too_long(running)


def _computes_nan(model: Path) -> str:
    settings = {"FRONTDESK_SERVING__MODEL": str(model), "FRONTDESK_SERVING__KV_CACHE_GIB": "0.2"}
    with started({**settings, "FRONTDESK_SERVING__API_KEY": "k"}) as (running, log):
        assert running.process.wait(120) == 2
    return last_line(log, "it computes NaN")


async def _excused(running: Shop) -> str:
    customer = await running.customer()
    text = await customer.answer(await customer.ask("Hello?"), ANSWERED_S + 60)
    assert text == APOLOGY, text
    await until(lambda: running.metric("vllm:num_requests_running") == 0, 10, "the engine's slot is free")
    await customer.judged()
    return f"{text!r} after {running.metric('vllm:generation_tokens_total'):.0f} tokens ({running.finish_reasons()[-1]})"


async def _cut(running: Shop) -> str:
    customer = await running.customer()
    text = await customer.answer(await customer.ask("Hello?"), ANSWERED_S + 60)
    assert text == "a" * TOKENS, text
    assert running.finish_reasons()[-1] == "length"
    return f"cut at {len(text)} tokens, its trace says {running.finish_reasons()[-1]!r}"


async def _too_long(running: Shop) -> str:
    customer = await running.customer()
    question = "Where is my parcel? " * 1000
    text = await customer.answer(await customer.ask(question), ANSWERED_S)
    assert text.startswith("aaa"), text
    assert len((await customer.turns())[0]["text"]) >= len(question) - 1, "the record was shortened too"
    await customer.judged()
    return f"{len(question):,} tokens to a context of 2,048: shortened for the model, whole in the record, answered"

"""The engine is killed and stopped at every moment of its life, under `frontdesk run`, and each question is answered once."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from tests.faults.node import processes
from tests.faults.node.customer import Customer
from tests.faults.node.shop import Shop, shop, until

# an engine's step is then a fraction of a second, so that a long prompt is no silence
SERVING = "hang_timeout_s = 6.0\nmax_num_batched_tokens = 256"
TOKENS = 60
WHOLE = "a" * TOKENS
LONG = "Where is my parcel? " * 250
BACK_S = 150.0


async def lives(folder: Path, model: Path, deaths: Sequence[str]) -> AsyncIterator[tuple[str, str]]:
    """Each death with what was seen. Raises AssertionError when a promise was broken."""
    more = f"[generation]\nmax_tokens = {TOKENS}\n[conversation]\non_new_message = 'collect'"
    async with shop(folder, model, serving=SERVING, more=more) as running:
        customer, other = await running.customer(), await running.customer()
        for name in deaths:
            yield name, await _survived(running, customer, other, DEATHS[name])
        notices = [await one.judged() for one in (customer, other)]
        yield (
            "each question has one answer",
            f"{len(customer.asked) + len(other.asked)} of them, {sum(notices)} notices of a wait",
        )


async def _survived(running: Shop, customer: Customer, other: Customer, harm: "Harm") -> str:
    if harm is not _while_loading:
        await running.said("Frontdesk is ready")
    before = len(running.lines)
    first = 0 if harm is _while_loading else before
    asked = await harm(running, customer)
    second = await other.ask("And mine?")
    said = await running.said("starting it again", after=first)
    for one, seq in ((customer, asked), (other, second)):
        try:
            text = await one.answer(seq, BACK_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; {running.told()}") from None
        assert text == WHOLE, f"not the whole answer: {text[:40]!r} of {len(text)}"
    return said.removeprefix("serving: ")


async def _while_loading(running: Shop, customer: Customer) -> int:
    await running.said("serving: starting the engine")
    asked = await customer.ask("Is anybody there?")
    await until(lambda: bool(_cores(running)), 60, "the core process of an engine that loads")
    os.kill(running.core(), signal.SIGKILL)
    return asked


async def _core_in_prefill(running: Shop, customer: Customer) -> int:
    return await _in_prefill(running, customer, lambda: os.kill(running.core(), signal.SIGKILL))


async def _engine_in_prefill(running: Shop, customer: Customer) -> int:
    return await _in_prefill(running, customer, lambda: os.kill(running.engine(), signal.SIGKILL))


async def _in_prefill(running: Shop, customer: Customer, end: Callable[[], None]) -> int:
    await customer.answer(await customer.ask("Hello?"), BACK_S)  # by then the product has asked the node what it is
    before = running.metric("vllm:generation_tokens_total")
    asked = await customer.ask(LONG)
    await until(lambda: running.metric("vllm:num_requests_running") > 0, 30, "the engine reads the prompt")
    assert running.metric("vllm:generation_tokens_total") == before, "the prompt was read already: make it longer"
    end()
    return asked


async def _core_in_decode(running: Shop, customer: Customer) -> int:
    asked = await customer.ask("How much is it?")
    await customer.shown(60)
    os.kill(running.core(), signal.SIGKILL)
    return asked


async def _engine_in_decode(running: Shop, customer: Customer) -> int:
    asked = await customer.ask("When will it come?")
    await customer.shown(60)
    os.kill(running.engine(), signal.SIGKILL)
    return asked


async def _core_hangs(running: Shop, customer: Customer) -> int:
    asked = await customer.ask("Can I send it back?")
    await customer.shown(60)
    os.kill(running.core(), signal.SIGSTOP)
    await running.said("produced no token for 6 s", after=len(running.lines), within_s=30)
    return asked


async def _engine_hangs(running: Shop, customer: Customer) -> int:
    """All of its processes, so that it does not even take a connection."""
    asked = await customer.ask("And what does that cost?")
    await customer.shown(60)
    os.killpg(running.engine(), signal.SIGSTOP)
    await running.said("produced no token for 6 s", after=len(running.lines), within_s=30)
    return asked


async def _node_in_decode(running: Shop, customer: Customer) -> int:
    asked = await customer.ask("Are you still there?")
    await customer.shown(60)
    left = processes.below(running.node())
    os.kill(running.node(), signal.SIGKILL)
    await until(lambda: not any(map(processes.lives, left)), 15, "its engine is gone with it")
    return asked


def _cores(running: Shop) -> list[int]:
    return [pid for pid in processes.below(running.process.pid) if "EngineCore" in processes.command(pid)]


Harm = Callable[[Shop, Customer], Awaitable[int]]
DEATHS: dict[str, Harm] = {
    "engine core killed while it loads": _while_loading,
    "engine core killed in prefill": _core_in_prefill,
    "engine core killed in decode": _core_in_decode,
    "engine process killed in prefill": _engine_in_prefill,
    "engine process killed in decode": _engine_in_decode,
    "node killed in decode": _node_in_decode,
    "engine core stopped": _core_hangs,
    "whole engine stopped": _engine_hangs,
}
# of one instance: the node waits longer each time between deaths that follow one another
TOGETHER = (tuple(DEATHS)[:3], tuple(DEATHS)[3:6], tuple(DEATHS)[6:])

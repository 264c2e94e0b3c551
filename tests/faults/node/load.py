"""Five times the load that the engine can take: those it refuses come later, each is answered once, and memory stays bounded."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.faults.node import processes
from tests.faults.node.customer import Customer
from tests.faults.node.shop import Shop, shop

TOKENS = 24
TIMES = 5.0
GROWTH_MB = 400
ALONE_S = 15.0
# a small node behind a front that asks for far more at once
SERVING = "max_num_seqs = 4\nmax_queued_requests = 4\nmax_num_batched_tokens = 256"
MORE = f"[generation]\nmax_tokens = {TOKENS}\nmax_concurrent = 64"


async def load(folder: Path, model: Path, seconds: float) -> AsyncIterator[tuple[str, str]]:
    """First what it can take, then five times that for so long. Raises AssertionError when a promise was broken."""
    async with shop(folder, model, serving=SERVING, more=MORE) as running:
        await running.said("Frontdesk is ready")
        rate = await _capacity(running)
        yield "it can take", f"{rate:.1f} questions a second"
        before = _memory(running)
        begun = time.monotonic()
        customers = await _arrive(running, rate * TIMES, seconds)
        peak = _memory(running)
        waits = await _answered(customers, begun, 20 * seconds + 60)
        notices = sum([await one.judged() for one in customers])
        after = _memory(running)
        grown = max(peak, after) - before
        refused = running.refused()
        assert refused, "the node refused nobody: this was no overload"
        assert grown < GROWTH_MB, f"memory grew by {grown:.0f} MB"
        seen = f"{len(customers)} questions, {refused:.0f} times refused by the node, each answered once, the last after "
        seen += f"{max(waits):.0f} s, {notices} notices of a wait; memory of product and engine {grown:+.0f} MB"
        yield f"{TIMES:.0f} times that for {seconds:.0f} s", seen


async def _capacity(running: Shop) -> float:
    """Answers a second while its slots and its queue are full: some customers are always about to hear or to ask."""
    customers = [await running.customer() for _ in range(24)]
    begun, done = time.monotonic(), 0

    async def talk(customer: Customer) -> None:
        nonlocal done
        while time.monotonic() - begun < ALONE_S:
            await customer.answer(await customer.ask("How are you?"), 60)
            done += 1

    await asyncio.gather(*map(talk, customers))
    return done / (time.monotonic() - begun)


async def _arrive(running: Shop, rate: float, seconds: float) -> list[Customer]:
    """New customers, each with one question, at this rate."""
    customers: list[Customer] = []
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < seconds:
        if len(customers) < now * rate:
            customers.append(await running.customer())
            await customers[-1].ask("How are you?")
        else:
            await asyncio.sleep(0.5 / rate)
    return customers


async def _answered(customers: list[Customer], begun: float, within_s: float) -> list[float]:
    """Seconds from the beginning until each was answered; asked one after another, since asking costs too."""
    waits = []
    for customer in customers:
        text = await customer.answer(customer.asked[0], within_s)
        assert text == "a" * TOKENS, f"not the whole answer: {text!r}"
        waits.append(time.monotonic() - begun)
    return waits


def _memory(running: Shop) -> float:
    return processes.resident_mb(running.process.pid, running.engine(), running.core())

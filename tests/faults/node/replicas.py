"""Two engines behind the router, under `frontdesk run`: engines and router die, hang and are started anew while customers ask."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from tests.faults.node import processes
from tests.faults.node.customer import Customer
from tests.faults.node.shop import Shop, shop, until

SERVING = "replicas = 2\nhang_timeout_s = 6.0\nmax_num_batched_tokens = 256"
TOKENS = 60
WHOLE = "a" * TOKENS
CUSTOMERS = 6
BACK_S = 150.0
FLAPS = 3


async def replicas(folder: Path, model: Path) -> AsyncIterator[tuple[str, str]]:
    """Each case with what was seen. Raises AssertionError when a promise was broken."""
    more = f"[generation]\nmax_tokens = {TOKENS}\n[conversation]\non_new_message = 'collect'"
    async with shop(folder, model, serving=SERVING, more=more) as running:
        await running.said("Frontdesk is ready")
        await _both_up(running)
        customers = [await running.customer() for _ in range(CUSTOMERS)]
        for name, harm in CASES.items():
            asked = [await customer.ask(f"{name}: what now?") for customer in customers]
            await customers[0].shown(60)
            seen = await harm(running)
            await _answered(customers, asked)
            await _both_up(running)
            yield name, seen
        notices = sum([await customer.judged() for customer in customers])
        questions = sum(len(customer.asked) for customer in customers)
        yield "each question has one answer", f"{questions} of them, {notices} notices of a wait"


async def _answered(customers: Sequence[Customer], asked: Sequence[int]) -> None:
    for customer, seq in zip(customers, asked, strict=True):
        text = await customer.answer(seq, BACK_S)
        assert text == WHOLE, f"not the whole answer: {text[:40]!r} of {len(text)}"


async def _both_up(running: Shop) -> None:
    await until(lambda: running.metric("frontdesk_node_replica_up") == 2, BACK_S, "both replicas are up", running.told)
    await until(lambda: running.metric("frontdesk_node_router_up") == 1, BACK_S, "the router is up", running.told)


def _named(running: Shop, words: str) -> list[int]:
    return [pid for pid in processes.below(running.node()) if words in processes.command(pid)]


async def _replica_killed(running: Shop) -> str:
    return await _after(running, lambda: os.kill(_named(running, "serving.engine")[0], signal.SIGKILL), "starting it again")


async def _replica_hangs(running: Shop) -> str:
    return await _after(running, lambda: os.killpg(_named(running, "serving.engine")[0], signal.SIGSTOP), "produced no token")


async def _replica_flaps(running: Shop) -> str:
    before = len(running.lines)
    for number in range(FLAPS):
        os.kill(_named(running, "serving.engine")[-1], signal.SIGKILL)
        await until(lambda number=number: _count(running, before, "is back") > number, BACK_S, "it is back")  # type: ignore[misc]
    return f"{FLAPS} times, waiting longer each time: {_last(running, before, 'starting it again')}"


async def _router_killed(running: Shop) -> str:
    return await _after(running, lambda: os.kill(_named(running, "fleet.routing")[0], signal.SIGKILL), "the router")


async def _router_hangs(running: Shop) -> str:
    return await _after(running, lambda: os.kill(_named(running, "fleet.routing")[0], signal.SIGSTOP), "the router")


async def _node_killed(running: Shop) -> str:
    left, node, before = processes.below(running.node()), running.node(), len(running.lines)
    os.kill(node, signal.SIGKILL)
    await until(lambda: not any(map(processes.lives, left)), 15, "its engines and its router are gone with it")
    await running.said("the generation node ended", after=before)
    return f"{len(left)} processes gone with it, and started again"


async def _rolled(running: Shop) -> str:
    """Nothing may be cut off: no request for an answer fails."""
    starts, failed = running.metric("frontdesk_node_replica_starts_total"), running.failed()
    os.kill(running.node(), signal.SIGHUP)
    await running.said("all engines were started anew", within_s=2 * BACK_S)
    assert running.metric("frontdesk_node_replica_starts_total") == starts + 2
    assert running.failed() == failed, "a request for an answer was cut off"
    return "both started anew, one after the other, and no request failed"


async def _after(running: Shop, harm: Callable[[], None], words: str) -> str:
    before = len(running.lines)
    harm()
    return (await running.said(words, after=before)).removeprefix("serving: ")


def _count(running: Shop, after: int, words: str) -> int:
    return sum(words in line for line in running.lines[after:])


def _last(running: Shop, after: int, words: str) -> str:
    return [line for line in running.lines[after:] if words in line][-1].removeprefix("serving: ")


CASES: dict[str, Callable[[Shop], Awaitable[str]]] = {
    "a replica killed in decode": _replica_killed,
    "a replica that hangs": _replica_hangs,
    "a replica that flaps": _replica_flaps,
    "the router killed": _router_killed,
    "the router hangs": _router_hangs,
    "all started anew one by one": _rolled,
    "the node killed": _node_killed,
}

"""A loop outlives whatever one of its rounds meets, and ends when it is told to."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.errors import StoreUnavailable
from bot.metrics import Metrics
from bot.rounds import go_round


async def turn(step: Callable[[], Awaitable[object]], stopping: asyncio.Event, wake: asyncio.Event, every_s: float) -> str:
    metrics = Metrics()
    await asyncio.wait_for(go_round("part", metrics, step, every_s=every_s, stopping=stopping, wake=wake), 5)
    return metrics.exposition().decode()


@pytest.mark.parametrize(("error", "failures"), [(ValueError("ours"), True), (StoreUnavailable("away"), False)])
async def test_a_loop_goes_on_after_any_error_and_counts_those_that_nobody_foresaw(error: Exception, failures: bool) -> None:
    stopping, rounds = asyncio.Event(), []

    async def step() -> None:
        rounds.append(1)
        if len(rounds) == 3:
            stopping.set()
        raise error

    counted = await turn(step, stopping, asyncio.Event(), 0.001)
    assert ('frontdesk_failures_total{part="part"} 3.0' in counted) == failures
    assert len(rounds) == 3


async def test_a_step_that_found_more_is_followed_at_once_and_a_wake_shortens_the_wait() -> None:
    stopping, wake, rounds = asyncio.Event(), asyncio.Event(), []

    async def step() -> bool:
        rounds.append(1)
        asyncio.get_running_loop().call_soon(stopping.set if len(rounds) == 3 else wake.set)
        return len(rounds) == 1

    await turn(step, stopping, wake, 60)
    assert len(rounds) == 3

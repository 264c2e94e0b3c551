"""Jobs: what fails is tried again, a full node is waited for, and nothing outlives its lease."""

import asyncio

import pytest

from bot import jobs as running
from bot.errors import NodeBusy, NodeUnavailable
from bot.jobs import Handler, Jobs, busy_wait_s
from bot.store import jobs
from bot.store.jobs import Job
from tests.house import House, open_house


async def results(house: House, handler: Handler, wanted: int) -> list[str]:
    """The lines of the jobs' metrics once one job has been counted so often, and of caught errors."""
    await house.store.write(jobs.add, house.ref.workspace_id, "work", "subject")
    parts = asyncio.create_task(Jobs(house.store, {"work": handler}, house.metrics).run(house.stopping))

    def told() -> list[str]:
        lines = house.metrics.exposition().decode().splitlines()
        return [line for line in lines if line.startswith(("frontdesk_jobs_total{", "frontdesk_failures_total{"))]

    try:
        await house.until(lambda: sum(float(line.rpartition(" ")[2]) for line in told()) >= wanted)
        return told()
    finally:
        house.stopping.set()
        await parts


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "POLL_S", 0.02)
    monkeypatch.setattr(running, "FIRST_WAIT_S", 0.001)


async def test_a_full_node_has_not_tried_it() -> None:
    seen: list[int] = []

    async def full(job: Job) -> None:
        seen.append(job.attempts)
        if len(seen) <= 12:
            raise NodeBusy("full", retry_after_s=0.001)

    async with open_house(running=False) as house:
        told = await results(house, full, 13)
        assert seen == [1] * 13
        assert any('"node_full"} 12' in line for line in told)


async def test_what_fails_eight_times_is_given_up() -> None:
    seen: list[int] = []

    async def away(job: Job) -> None:
        seen.append(job.attempts)
        raise NodeUnavailable("away")

    async with open_house(running=False) as house:
        told = await results(house, away, 8)
        assert seen == [*range(1, 9)]
        assert any('"given_up"} 1' in line for line in told)


async def test_what_takes_too_long_is_tried_again_and_is_no_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LEASE_S", 0.05)

    async def slow(_: Job) -> None:
        await asyncio.Event().wait()

    async with open_house(running=False) as house:
        told = await results(house, slow, 1)
        assert [line for line in told if "failures" in line] == []
        assert any('"again"}' in line for line in told)


def test_what_a_full_node_says_is_waited_for_and_not_by_all_at_once() -> None:
    assert busy_wait_s(NodeBusy("full", retry_after_s=60), 0.0) == 60
    assert busy_wait_s(NodeBusy("full", retry_after_s=60), 0.5) == 90
    assert busy_wait_s(NodeBusy("full", retry_after_s=3600), 0.5) == 300

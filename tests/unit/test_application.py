"""Parts run together, stop in order within their bounds, and a part that ends by itself ends the process."""

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from bot.application import Application, PartFailed, Receiving, Stage


class Waiter:
    """Runs until told to stop, then takes `drain_s`; writes down what happens to it."""

    def __init__(self, name: str, story: list[str], drain_s: float = 0) -> None:
        self.name = name
        self._story = story
        self._drain_s = drain_s

    async def run(self, stopping: asyncio.Event) -> None:
        try:
            self._story.append(f"{self.name} starts")
            await stopping.wait()
            await asyncio.sleep(self._drain_s)
            self._story.append(f"{self.name} stops")
        except asyncio.CancelledError:
            self._story.append(f"{self.name} is cut short")
            raise


class Broken:
    name = "worker"

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def run(self, stopping: asyncio.Event) -> None:
        if self._error:
            raise self._error


class Deaf:
    """Goes on when it is cancelled, as one does that waits for a database that fell silent."""

    name = "worker"

    def __init__(self) -> None:
        self.hears = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        while not self.hears.is_set():
            with suppress(asyncio.CancelledError):
                await self.hears.wait()


async def started(story: list[str], count: int) -> None:
    async with asyncio.timeout(5):
        while len(story) < count:
            await asyncio.sleep(0)


async def test_stages_stop_one_after_the_other() -> None:
    story: list[str] = []
    application = Application([Stage([Waiter("worker", story, 0.05)], 5), Stage([Waiter("http", story)], 5)])
    running = asyncio.create_task(application.run())
    await started(story, 2)
    application.stop()
    await running
    assert story[2:] == ["worker stops", "http stops"]


async def test_all_stages_together_have_a_bound() -> None:
    story: list[str] = []
    stages = [
        Stage([Waiter("worker", story, 60)], 0.1),
        Stage([Waiter("http", story, 60)], 60),
        Stage([Waiter("node", story, 60)], 60),
    ]
    application = Application(stages, within_s=0.2)
    running = asyncio.create_task(application.run())
    await started(story, 3)
    application.stop()
    async with asyncio.timeout(5):
        await running
    assert story[3:] == ["worker is cut short", "http is cut short", "node is cut short"]


async def test_a_part_that_cannot_be_cut_short_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.application.ABORT_S", 0.05)
    story: list[str] = []
    deaf = Deaf()
    application = Application([Stage([deaf], 0.05), Stage([Waiter("http", story)], 5)])
    running = asyncio.create_task(application.run())
    await started(story, 1)
    application.stop()
    try:
        await asyncio.wait({running}, timeout=5)
        assert story == ["http starts", "http stops"]
        assert running.done()
    finally:
        deaf.hears.set()
        await running


async def test_a_part_that_does_not_stop_is_cut_short_at_its_bound() -> None:
    story: list[str] = []
    application = Application([Stage([Waiter("worker", story, 60)], 0.05), Stage([Waiter("http", story)], 5)])
    running = asyncio.create_task(application.run())
    await started(story, 2)
    application.stop()
    await asyncio.wait_for(running, 5)
    assert story[2:] == ["worker is cut short", "http stops"]


async def test_the_first_signal_drains_and_the_second_ends_at_once() -> None:
    story: list[str] = []
    application = Application([Stage([Waiter("worker", story, 60)], 60)])
    running = asyncio.create_task(application.run())
    await started(story, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(running, 5)
    assert story[1:] == ["worker is cut short"]


async def test_whoever_is_told_that_it_is_up_may_signal_at_once() -> None:
    seen: list[object] = []
    application = Application([Stage([Waiter("worker", [])], 5)])

    def up() -> None:
        seen.extend(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT))
        application.stop()

    await asyncio.wait_for(application.run(up=up), 5)
    assert len(seen) == 2
    assert signal.SIG_DFL not in seen
    assert signal.default_int_handler not in seen


@pytest.mark.parametrize(
    ("error", "said"),
    [(ValueError("x"), r"worker ended by itself \(ValueError\)"), (None, "worker ended by itself")],
)
async def test_a_part_that_ends_stops_the_others_in_order_and_names_itself(error: Exception | None, said: str) -> None:
    story: list[str] = []
    application = Application([Stage([Broken(error)], 5), Stage([Waiter("http", story)], 5)])
    with pytest.raises(PartFailed, match=said):
        await asyncio.wait_for(application.run(), 5)
    assert story == ["http starts", "http stops"]


async def test_an_adapter_is_cancelled_to_stop_and_its_failure_is_not_swallowed() -> None:
    class Endless:
        async def run(self) -> None:
            await asyncio.Event().wait()

    class Failing:
        async def run(self) -> None:
            raise ValueError("gateway")

    stopping = asyncio.Event()
    running = asyncio.create_task(Receiving("telegram", Endless()).run(stopping))
    stopping.set()
    await asyncio.wait_for(running, 5)
    with pytest.raises(ValueError, match="gateway"):
        await Receiving("discord", Failing()).run(asyncio.Event())

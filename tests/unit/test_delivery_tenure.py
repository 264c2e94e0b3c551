"""Who holds an account: taken over when its holder is gone, given up when the database cannot confirm it."""

import asyncio
import contextlib

import pytest

from bot.delivery.tenure import Tenure
from bot.errors import StoreUnavailable
from bot.store import accounts
from bot.store.ids import ProcessId
from tests.delivery_scene import Scene, open_scene
from tests.push_double import TELEGRAM_PRIVATE
from tests.virtual_time import in_virtual_time

LEASE_S = 30.0


class OfProcess:
    """The scene's store as another process sees it; `away` makes its database fail, or hang."""

    def __init__(self, scene: Scene, name: str) -> None:
        self.store, self.process_id, self.bulletin = scene.store, ProcessId(name), scene.store.bulletin
        self.away = self.hangs = False

    async def write(self, unit, *args, **kwargs):
        return await self._run(self.store.write, unit, *args, **kwargs)

    async def read(self, unit, *args, **kwargs):
        return await self._run(self.store.read, unit, *args, **kwargs)

    async def _run(self, call, *args, **kwargs):
        if self.away and self.hangs:
            await asyncio.sleep(1000)
        if self.away:
            raise StoreUnavailable("gone")
        return await call(*args, **kwargs)

    async def close(self) -> None: ...


class Body:
    """Notes when it ran; ends by itself when told to."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.ended: list[float] = []
        self.finish = asyncio.Event()

    async def __call__(self) -> None:
        now = asyncio.get_running_loop().time
        self.begun.append(now())
        try:
            await self.finish.wait()
        finally:
            self.ended.append(now())


def hold(store: OfProcess, scene: Scene, body) -> asyncio.Task[None]:
    return asyncio.create_task(Tenure(store, scene.ref, lease_s=LEASE_S).hold(body))


async def end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def test_one_process_holds_it_as_long_as_it_lives_and_the_next_follows_at_once() -> None:
    async def story() -> None:
        scene, first, second = open_scene(TELEGRAM_PRIVATE), Body(), Body()
        holder = hold(OfProcess(scene, "a"), scene, first)
        await asyncio.sleep(1)
        waiter = hold(OfProcess(scene, "b"), scene, second)
        await asyncio.sleep(10 * LEASE_S)
        assert second.begun == []
        first.finish.set()
        await holder
        await asyncio.sleep(LEASE_S / 2)
        assert len(second.begun) == 1
        await end(waiter)
        assert await scene.store.read(accounts.holder, scene.ref) is None

    in_virtual_time(story())


def test_a_dead_holders_account_is_taken_when_its_lease_ends() -> None:
    async def story() -> None:
        scene, body = open_scene(TELEGRAM_PRIVATE), Body()
        await scene.store.write(accounts.hold, scene.ref, ProcessId("dead"), lease_s=LEASE_S)
        start = asyncio.get_running_loop().time()
        waiter = hold(OfProcess(scene, "b"), scene, body)
        await asyncio.sleep(2 * LEASE_S)
        assert LEASE_S <= body.begun[0] - start <= LEASE_S * 4 / 3
        await end(waiter)

    in_virtual_time(story())


@pytest.mark.parametrize("hangs", [True, False])
def test_a_holder_that_cannot_renew_stops_before_its_lease_ends(hangs: bool) -> None:
    async def story() -> None:
        scene, first, second = open_scene(TELEGRAM_PRIVATE), Body(), Body()
        store = OfProcess(scene, "a")
        store.hangs = hangs
        tasks = [hold(store, scene, first), hold(OfProcess(scene, "b"), scene, second)]
        await asyncio.sleep(5 * LEASE_S)
        store.away = True
        await asyncio.sleep(3 * LEASE_S)
        assert first.ended[0] <= second.begun[0]
        store.away = False
        second.finish.set()
        await asyncio.sleep(LEASE_S)
        assert len(first.begun) == 2  # and takes it again when it can
        await end(*tasks)

    in_virtual_time(story())


def test_a_short_failure_of_the_database_costs_nothing() -> None:
    async def story() -> None:
        scene, body = open_scene(TELEGRAM_PRIVATE), Body()
        store = OfProcess(scene, "a")
        holder = hold(store, scene, body)
        await asyncio.sleep(1)
        store.away = True
        await asyncio.sleep(LEASE_S / 3 + 1)  # one renewal fails
        store.away = False
        await asyncio.sleep(5 * LEASE_S)
        assert body.ended == []
        await end(holder)

    in_virtual_time(story())


def test_an_account_taken_by_another_is_let_go_at_the_next_renewal() -> None:
    async def story() -> None:
        scene, body = open_scene(TELEGRAM_PRIVATE), Body()
        holder = hold(OfProcess(scene, "a"), scene, body)
        await asyncio.sleep(1)
        await scene.store.write(accounts.release, scene.ref, ProcessId("a"))
        await scene.store.write(accounts.hold, scene.ref, ProcessId("b"), lease_s=1000)
        await asyncio.sleep(LEASE_S / 3 + 1)
        assert len(body.ended) == 1
        await end(holder)
        assert await scene.store.read(accounts.holder, scene.ref) == "b"

    in_virtual_time(story())


def test_what_the_body_raises_is_raised_and_the_account_released() -> None:
    async def broken() -> None:
        raise LookupError("a mistake")

    async def story() -> None:
        scene = open_scene(TELEGRAM_PRIVATE)
        with contextlib.suppress(LookupError):
            await hold(OfProcess(scene, "a"), scene, broken)
            raise AssertionError("it was swallowed")
        assert await scene.store.read(accounts.holder, scene.ref) is None

    in_virtual_time(story())

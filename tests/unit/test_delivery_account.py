"""A push account as the part of a process that it is."""

import asyncio
import random

import pytest

from bot.delivery.account import PushAccount
from bot.metrics import Metrics
from bot.store import accounts
from bot.store.ids import ProcessId
from tests.delivery_scene import Scene, open_scene
from tests.push_double import DISCORD, TELEGRAM_PRIVATE, Fault
from tests.virtual_time import in_virtual_time


def account_of(scene: Scene) -> PushAccount:
    return PushAccount(scene.store, scene.double, scene.ref, tally=Metrics(), chance=random.Random(1).random, lease_s=10.0)


def test_it_sends_while_held_and_lets_go_at_the_end() -> None:
    async def story() -> None:
        scene, stopping = open_scene(TELEGRAM_PRIVATE, "ann"), asyncio.Event()
        account = account_of(scene)
        running = asyncio.create_task(account.run(stopping))
        await scene.say("ann", "one", "two")
        await scene.until_settled()
        assert account.held
        stopping.set()
        await asyncio.wait_for(running, 15)
        assert not account.held
        assert scene.double.on_show("ann") == ["one", "two"]
        assert await scene.store.read(accounts.holder, scene.ref) is None

    in_virtual_time(story())


def test_while_another_holds_the_account_nothing_is_sent_and_stopping_is_prompt() -> None:
    async def story() -> None:
        scene, stopping = open_scene(TELEGRAM_PRIVATE, "ann"), asyncio.Event()
        await scene.store.write(accounts.hold, scene.ref, ProcessId("other"), lease_s=1000)
        account = account_of(scene)
        running = asyncio.create_task(account.run(stopping))
        await scene.say("ann", "one")
        await asyncio.sleep(100)
        assert not account.held
        assert scene.double.calls.total() == 0
        stopping.set()
        await asyncio.wait_for(running, 1)
        assert await scene.store.read(accounts.holder, scene.ref) == "other"

    in_virtual_time(story())


def test_a_lost_account_is_served_again_when_it_comes_back() -> None:
    async def story() -> None:
        scene, stopping = open_scene(DISCORD, "room"), asyncio.Event()
        account = account_of(scene)
        running = asyncio.create_task(account.run(stopping))
        await asyncio.sleep(1)
        await scene.store.write(accounts.release, scene.ref, scene.store.process_id)
        await scene.store.write(accounts.hold, scene.ref, ProcessId("other"), lease_s=30)
        await asyncio.sleep(5)
        assert not account.held
        await scene.say("room", "one")
        await asyncio.sleep(40)
        assert account.held
        assert scene.double.on_show("room") == ["one"]
        stopping.set()
        await running

    in_virtual_time(story())


@pytest.mark.parametrize("habits", [DISCORD, TELEGRAM_PRIVATE])
def test_what_delivery_counts_are_metrics_we_publish(habits) -> None:
    async def story() -> None:
        scene, stopping = open_scene(habits, "room"), asyncio.Event()
        faults = iter([Fault.LIMIT_CHAT, Fault.UNKNOWN_AFTER, Fault.BROKEN, Fault.UNKNOWN_BEFORE, Fault.GONE])
        scene.double.script = lambda _call, _at: next(faults, None)
        account = account_of(scene)
        running = asyncio.create_task(account.run(stopping))
        await asyncio.sleep(0.1)
        reserved = await scene.reserve("room")
        account.previews.show(scene.target("room", reserved.outbox_id), "")
        await asyncio.sleep(1)
        await scene.answer("room", reserved.outbox_id, "one", "two", "three")
        await scene.until_settled()
        stopping.set()
        await running

    in_virtual_time(story())


def test_an_error_that_nobody_foresaw_in_receiving_is_counted_and_receiving_begins_anew() -> None:
    async def story() -> None:
        scene, stopping, metrics, tries = open_scene(TELEGRAM_PRIVATE, "ann"), asyncio.Event(), Metrics(), []

        async def receive() -> None:
            tries.append(asyncio.get_running_loop().time())
            if len(tries) == 1:
                raise ExceptionGroup("a part of it", [ZeroDivisionError()])
            await asyncio.Event().wait()

        account = PushAccount(
            scene.store, scene.double, scene.ref, receive=receive, tally=metrics, chance=lambda: 0.5, lease_s=10.0
        )
        running = asyncio.create_task(account.run(stopping))
        await scene.say("ann", "one")
        await asyncio.sleep(20)
        assert len(tries) == 2
        assert scene.double.on_show("ann") == ["one"]
        assert 'failures_total{part="telegram.main"} 1.0' in metrics.exposition().decode()
        stopping.set()
        await asyncio.wait_for(running, 15)

    in_virtual_time(story())

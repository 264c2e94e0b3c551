"""Random work, faults and deaths at any await of manager, relay and previews; the oracle is what users saw."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bot.delivery.limits import DeliveryLimits, PreviewLimits
from bot.events import ChannelAddress
from bot.ports import ChannelHabits
from bot.store import outbox
from bot.store.bulletin import Topic
from bot.store.tables import message_map, turn
from tests.delivery_scene import Running, Scene, answer, as_new_process, open_scene, running, say
from tests.push_double import DISCORD, TELEGRAM_GROUP, TELEGRAM_PRIVATE, Fault
from tests.virtual_time import in_virtual_time

T = TypeVar("T")
PLENTY = DeliveryLimits(most_repeats=10_000, settle_within_s=1e6, workers=4, request_s=2.0, longest_backoff_s=4.0)
PASSING = (
    Fault.UNKNOWN_AFTER,
    Fault.UNKNOWN_AFTER,
    Fault.UNKNOWN_BEFORE,
    Fault.LIMIT_CHAT,
    Fault.LIMIT_ACCOUNT,
    Fault.HANGS,
    Fault.BROKEN,
)
MOST_FAULTS = 30
EXAMPLES = 25  # each takes a tenth of a second; without shrinking a failure prints its plan, deaths and seed as drawn


class Death:
    """Counts the awaits of a process; at the chosen ones it goes no further."""

    def __init__(self, at: list[int]) -> None:
        self.left = sorted(set(at))
        self.passed = 0
        self.came = asyncio.Event()

    async def point(self) -> None:
        self.passed += 1
        if self.left and self.passed >= self.left[0]:
            self.left.pop(0)
            self.came.set()
        if self.came.is_set():
            await asyncio.Event().wait()

    async def around(self, work: Callable[[], Awaitable[T]]) -> T:
        await self.point()
        result = await work()
        await self.point()
        return result


class MortalStore:
    def __init__(self, scene: Scene, death: Death) -> None:
        self._store, self._death = scene.store, death
        self.bulletin = scene.store.bulletin
        self.process_id = scene.store.process_id

    async def write(self, unit, *args, **kwargs):
        return await self._death.around(lambda: self._store.write(unit, *args, **kwargs))

    async def read(self, unit, *args, **kwargs):
        return await self._death.around(lambda: self._store.read(unit, *args, **kwargs))

    async def close(self) -> None:
        raise AssertionError("nobody closes a store that others use")


class MortalChannel:
    def __init__(self, scene: Scene, death: Death) -> None:
        self._double, self._death = scene.double, death
        self.habits, self.measure = scene.double.habits, scene.double.measure

    def __getattr__(self, call: str):
        return lambda *args: self._death.around(lambda: getattr(self._double, call)(*args))


async def manage(scene: Scene, store: MortalStore, process: Running, chat: str, plan: list[str]) -> None:
    """Say the plan of one chat, from the first turn that is not stored yet."""
    lane = scene.lanes[chat]
    stored = await store.read(
        lambda c: c.scalar(sa.select(sa.func.count()).where(turn.c.conversation_id == lane.conversation_id))
    )
    for number, kind in enumerate(plan[stored:], stored + 1):
        text = f"{chat} {number} {kind}."
        if kind == "notice":
            await store.write(say, lane, (text,))
        else:
            await make_answer(scene, store, process, chat, (text, f"{text} part two.") if kind == "long" else (text,))
        scene.store.bulletin.post(Topic.OUTBOX, scene.ref.account_id)


async def make_answer(scene: Scene, store: MortalStore, process: Running, chat: str, parts: tuple[str, ...]) -> None:
    reserved = await store.write(outbox.reserve, scene.lanes[chat], epoch=1)
    target = scene.target(chat, reserved.outbox_id)
    for length, pause_s in ((0, 0.4), (2, 1.2), (4, 0.4), (6, 0.1)):
        process.previews.show(target, parts[0][:length])
        await asyncio.sleep(pause_s)
    await store.write(answer, scene.lanes[chat], reserved.outbox_id, parts)
    process.previews.gone(target)


async def live(scene: Scene, plans: dict[str, list[str]], deaths: list[int]) -> int:
    """One process after another, until everything is said and settled; returns how many died."""
    for died in range(len(deaths) + 1):
        as_new_process(scene)
        await asyncio.sleep(deaths[died - 1] % 23 if died else 0)
        death = Death(deaths[died : died + 1])
        store = MortalStore(scene, death)
        async with running(
            scene,
            store=store,
            channel=MortalChannel(scene, death),
            limits=PLENTY,
            preview_limits=PreviewLimits(grace_s=0.0, interval_s=0.3, request_s=2.0),
        ) as process:
            works = [asyncio.create_task(manage(scene, store, process, chat, plan)) for chat, plan in plans.items()]
            said = asyncio.create_task(settled(scene, works))
            dead = asyncio.create_task(death.came.wait())
            await asyncio.wait({said, dead}, return_when=asyncio.FIRST_COMPLETED)
            finished = said.done()
            for task in (said, dead, *works):
                task.cancel()
            await asyncio.wait({said, dead, *works})
            if finished:
                said.result()
                return died
    raise AssertionError("the last process dies of nothing")


async def settled(scene: Scene, works: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*works)
    await scene.until_settled()


async def check(scene: Scene, habits: ChannelHabits, plans: dict[str, list[str]]) -> Counter[str]:
    """Nothing lost, order kept, no half text left, repeats only where they are counted."""
    sums: Counter[str] = Counter()
    for chat, plan in plans.items():
        rows = [row for row in await scene.rows(chat) if row.state != "cancelled"]
        rows.sort(key=lambda row: (row.seq, row.part))
        assert {row.state for row in rows} <= {"sent"}
        assert [row.seq for row in rows if row.part == 0] == list(range(1, len(plan) + 1))
        times = [scene.double.first_shown(row.text) for row in rows]
        assert times == sorted(times), "out of order"
        for row in rows:
            again = scene.double.times_shown(row.text) - 1
            assert again <= (row.repeats if habits.in_doubt == "resend" else 0), f"{row.text} was shown again, uncounted"
            sums["repeats"] += row.repeats
            sums["shown again"] += again
        shown = scene.double.on_show(chat)
        assert set(shown) <= {row.text for row in rows} | {"…"}, "half an answer was left"
        sums["orphans"] += shown.count("…")
    mapped = await scene.store.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(message_map)))
    assert mapped == len([row for row in await scene.rows() if row.state == "sent"])
    return sums


def seeded_script(seed: int, rate: float) -> Callable[[str, ChannelAddress], Fault | None]:
    chance, left = random.Random(seed), [MOST_FAULTS]

    def fault(_call: str, _address: ChannelAddress) -> Fault | None:
        if left[0] == 0 or chance.random() >= rate:
            return None
        left[0] -= 1
        return chance.choice(PASSING)

    return fault


PLANS = st.dictionaries(
    st.sampled_from(["ann", "bob", "eve"]),
    st.lists(st.sampled_from(["notice", "short", "long"]), min_size=1, max_size=4),
    min_size=1,
)


@pytest.mark.parametrize("habits", [TELEGRAM_GROUP, DISCORD, TELEGRAM_PRIVATE], ids=["edit", "reconcile", "resend"])
def test_whatever_dies_and_fails_nothing_is_lost_reordered_or_repeated_uncounted(habits: ChannelHabits) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(
        plans=PLANS,
        deaths=st.lists(st.integers(1, 120), max_size=5),
        seed=st.integers(0, 2**16),
        rate=st.sampled_from([0, 0.2, 0.5]),
    )
    def hold(plans: dict[str, list[str]], deaths: list[int], seed: int, rate: float) -> None:
        async def story() -> None:
            # a roomy account and chat: limits come from the script, not from a successor that forgot the predecessor's pace
            scene = open_scene(replace(habits, chat_rate=5.0, chat_burst=50, nonce_window_s=habits.nonce_window_s / 10), *plans)
            scene.double.script = seeded_script(seed, rate)
            jitter = random.Random(seed)
            scene.double.latency = lambda: jitter.choice((0.01, 0.05, 0.8))
            seen["deaths"] += await live(scene, plans, deaths)
            seen.update(await check(scene, habits, plans))
            seen["faults"] += sum(scene.double.faults.values())
            await scene.store.close()

        in_virtual_time(story())

    hold()
    print(dict(seen))
    assert seen["deaths"] > 0
    assert seen["faults"] > 0

"""Answers at once follow the node: in virtual time, with five times the questions that it can take."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from bot.conversation import retrying
from bot.conversation.counters import NoCounters
from bot.errors import NodeBusy, NodeTooSlow
from bot.generation.request import LIVE, RETRY
from bot.generation.tide import Tide
from tests.tide_node import Line, Process, Seen, SlottedNode, during, watch
from tests.virtual_time import in_virtual_time

Story = Callable[[SlottedNode, list[Process], Line], Awaitable[None]]
SEEDS = range(3)


def tell(seed: int, slots: int, story: Story, *, processes: int = 1, holds: bool = False, most: int = 0) -> None:
    """Run a story with a node and its processes."""
    print(f"seed {seed}, {slots} slots, {processes} processes")
    dice = random.Random(seed)

    async def scene() -> None:
        node, line = SlottedNode(slots, dice, holds=holds), Line()
        several = [Process(node, line, dice, most=most) for _ in range(processes)]
        await during(several, lambda: story(node, several, line))

    in_virtual_time(scene())


def near(seen: Seen, slots: int) -> float:
    """The share of the time in which the limits together were within one of the slots."""
    return sum(abs(limit - slots) <= 1 for limit in seen.limits) / len(seen.limits)


@pytest.mark.parametrize("slots", [1, 3, 8, 32, 100])
@pytest.mark.parametrize("seed", SEEDS)
def test_under_five_times_the_load_the_limit_is_the_nodes_and_its_slots_are_used(seed: int, slots: int) -> None:
    async def story(node: SlottedNode, processes: list[Process], line: Line) -> None:
        await watch(node, processes, 20)
        refused = node.refused
        seen = await watch(node, processes, 200)
        print(f"busy {seen.mean_busy / slots:.3f}, near {near(seen, slots):.2f}, limits {min(seen.limits)}-{max(seen.limits)}")
        assert seen.mean_busy >= 0.95 * slots
        assert near(seen, slots) >= 0.75
        assert min(seen.limits) >= max(slots - slots // 8 - 1, 1)
        assert max(seen.limits) <= slots + 1
        assert node.refused - refused <= 200 * 1.1  # one probe a second
        late = [number for number, question in enumerate(line.asked) if question < number - node.refused - slots * 2]
        assert late == [], "a question lost its place"

    tell(seed, slots, story)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_node_that_doubles_or_halves_its_slots_is_followed(seed: int) -> None:
    async def story(node: SlottedNode, processes: list[Process], _line: Line) -> None:
        await watch(node, processes, 30)
        for slots, within_s in ((64, 30), (16, 15), (32, 15), (1, 15), (32, 25)):
            node.slots = slots
            await watch(node, processes, within_s)
            seen = await watch(node, processes, 60)
            print(f"{slots} slots: busy {seen.mean_busy:.1f}, limits {min(seen.limits)}-{max(seen.limits)}")
            assert 0.95 * slots <= seen.mean_busy <= slots
            assert near(seen, slots) >= 0.6

    tell(seed, 32, story)


@pytest.mark.parametrize("seed", SEEDS)
def test_processes_that_share_a_node_come_to_like_shares(seed: int) -> None:
    async def story(node: SlottedNode, processes: list[Process], _line: Line) -> None:
        await watch(node, processes[:1], 10)
        await watch(node, processes, 600)
        shares = [0.0] * len(processes)
        for _ in range(200):
            await asyncio.sleep(0.5)
            shares = [share + one.own / 200 for share, one in zip(shares, processes, strict=True)]
        print("shares", [round(share, 1) for share in shares])
        assert sum(shares) >= 0.9 * node.slots
        assert min(shares) >= 0.3 * max(shares)

    tell(seed, 30, story, processes=3)


def test_a_node_that_is_full_with_others_is_asked_once_each_retry_after_and_never_given_up() -> None:
    async def story(node: SlottedNode, processes: list[Process], line: Line) -> None:
        node.slots = 0
        await watch(node, processes, 60)
        assert processes[0].tide.limit == 1
        refused = node.refused
        await watch(node, processes, 60)
        assert 30 <= node.refused - refused <= 60
        assert len(set(line.asked[-30:])) <= 3, "those behind were asked before those in front"
        node.slots = 8
        await watch(node, processes, 20)
        assert node.busy == 8

    tell(0, 4, story)


@pytest.mark.parametrize("slots", [1, 8])
def test_a_question_that_the_node_refuses_for_its_own_sake_does_not_stop_the_others(slots: int) -> None:
    async def story(node: SlottedNode, processes: list[Process], _line: Line) -> None:
        node.spurned = {3}
        await watch(node, processes, 20)
        seen = await watch(node, processes, 120)
        assert seen.mean_busy >= (0.5 if slots == 1 else 0.85) * slots

    tell(0, slots, story)


def test_a_node_without_limits_is_asked_for_all_that_wait() -> None:
    async def story(node: SlottedNode, processes: list[Process], _line: Line) -> None:
        await watch(node, processes, 10)
        assert node.busy == processes[0].tide.limit >= 1000
        assert node.refused == 0

    tell(0, 100_000, story)


def test_a_node_that_lets_everybody_wait_is_not_filled_without_end() -> None:
    async def story(node: SlottedNode, processes: list[Process], _line: Line) -> None:
        await watch(node, processes, 60)
        seen = await watch(node, processes, 120)
        queue_s = (max(seen.limits) - node.slots) * 4.2 / node.slots
        print(f"busy {seen.mean_busy}, limits {min(seen.limits)}-{max(seen.limits)}, {queue_s:.1f} s of queue")
        assert seen.mean_busy == node.slots
        assert queue_s <= 10

    tell(0, 16, story, holds=True)


def test_a_number_in_the_settings_is_an_upper_bound() -> None:
    async def story(node: SlottedNode, processes: list[Process], _line: Line) -> None:
        seen = await watch(node, processes, 30)
        assert max(seen.limits) == max(seen.busy) == 5

    tell(0, 32, story, most=5)


def test_what_the_node_tells_of_its_own_queue_counts() -> None:
    now = 0.0
    tide = Tide(NoCounters(), clock=lambda: now)
    numbers = [tide.begin() for _ in range(16)]
    with tide.asking("a", numbers[-1]) as asked:
        tide.admitted(asked)
        tide.told(asked, 0.5)
        assert tide.limit == 32
        tide.told(asked, 9.0)
    assert tide.limit < 16
    with pytest.raises(NodeTooSlow), tide.asking("b", 1):
        raise NodeTooSlow("late", phase="first_token")
    assert tide.limit == 1


def test_a_retry_that_waited_long_ranks_as_live_and_a_refusal_is_no_failure() -> None:
    assert [retrying.priority(1, 0), retrying.priority(2, 5), retrying.priority(7, 61)] == [LIVE, RETRY, LIVE]
    assert retrying.wait_s(NodeBusy("full", retry_after_s=0.0), 9, 0.7) == 0.0

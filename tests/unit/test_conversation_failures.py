"""What customers feel when the node is away, full, slow or wrong: one honest notice, then the answer; never half an answer."""

import asyncio

import pytest
import sqlalchemy as sa

from bot.generation.client import Deadlines
from bot.generation.request import LIVE, RETRY
from bot.store.tables import reply_trace
from bot.views import TurnAdded
from tests.house import House, open_house

QUICK = Deadlines(first_token_s=0.2, idle_s=0.2, total_s=1.0)


async def _break_then_mend(house: House, fault: str) -> list[tuple[str, str]]:
    house.node.behaviour.fault = fault
    await house.hear("ann", "hello out there my friends")
    await asyncio.wait_for(_tried_twice(house), 15)
    assert [role for role, _ in await house.dialogue("ann")] == ["customer"]
    house.node.behaviour.fault = ""
    await house.answer("ann", 1)
    return await house.dialogue("ann")


async def _tried_twice(house: House) -> None:
    """Until a second try began: by the claim's counter, or by the refusals of a full node, which are no tries."""
    while True:
        attempts = await house.store.read(
            lambda connection: connection.exec_driver_sql("SELECT attempts FROM conversation").scalar()
        )
        if attempts >= 2 or 'generation_requests_total{result="NodeBusy"} 2.0' in house.metrics.exposition().decode():
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("fault", ["down", "error", "full", "refuse", "cut", "abort", "garbage", "silent", "endless"])
async def test_a_broken_node_costs_time_and_never_half_an_answer(fault: str) -> None:
    async with open_house(deadlines=QUICK) as house:
        dialogue = await _break_then_mend(house, fault)
        assert dialogue == [
            ("customer", "hello out there my friends"),
            ("bot", "You said: hello out there my friends"),
        ]


async def test_who_waits_too_long_is_told_once() -> None:
    async with open_house(deadlines=QUICK, notice_after_s=0.3) as house:
        house.node.behaviour.fault = "down"
        await house.hear("ann", "hello")
        roles: list[str] = []
        async for event in house.events("ann"):
            if isinstance(event, TurnAdded):
                roles.append(event.turn.role)
            if roles == ["customer", "system"]:
                break
        await house.notices.look()
        house.node.behaviour.fault = ""
        await house.answer("ann", 1)
        assert [role for role, _ in await house.dialogue("ann")] == ["customer", "system", "bot"]
        assert "system" not in [message["role"] for message in house.node.prompts[-1][1:]]


async def test_a_stale_question_expires_with_one_notice_and_is_counted_apart() -> None:
    async with open_house(deadlines=QUICK, answer_within_s=0.3) as house:
        house.node.behaviour.fault = "down"
        await house.hear("ann", "hello")
        async for event in house.events("ann"):
            if isinstance(event, TurnAdded) and event.turn.role == "system":
                break
        house.node.behaviour.fault = ""
        await house.hear("ann", "are you there?")
        await house.answer("ann", 3)
        assert [role for role, _ in await house.dialogue("ann")] == ["customer", "system", "customer", "bot"]
        assert event.turn.in_reply_to == 1
        assert house.node.prompts[-1][-1]["content"] == "hello\n\nare you there?"


async def test_an_empty_answer_becomes_an_apology() -> None:
    async with open_house() as house:
        house.node.behaviour.script = lambda _: " \n"
        await house.hear("ann", "hello")
        assert "sorry" in (await house.answer("ann", 1)).text


@pytest.mark.parametrize("stuck", ["!", "\n", "\u00a0 "])
async def test_an_answer_of_signs_alone_is_excused(stuck: str) -> None:
    async with open_house() as house:
        house.node.behaviour.script = lambda _: stuck * 48
        await house.hear("ann", "hello")
        assert "sorry" in (await house.answer("ann", 1)).text


async def test_an_answer_that_is_stuck_in_signs_is_left_before_its_end() -> None:
    async with open_house() as house:
        house.node.behaviour.script = lambda _: "! " * 6_000  # a minute of them
        house.node.behaviour.pace_s = 0.01
        await house.hear("ann", "hello")
        assert "sorry" in (await house.answer("ann", 1)).text
        await house.until(lambda: house.node.running == 0)


async def test_a_few_signs_are_an_answer() -> None:
    async with open_house() as house:
        house.node.behaviour.script = lambda _: "!!! :-)"
        await house.hear("ann", "hello")
        assert (await house.answer("ann", 1)).text == "!!! :-)"


async def test_model_text_that_no_database_takes_is_cleaned() -> None:
    async with open_house() as house:
        house.node.behaviour.script = lambda _: "a\x00b \ud800c"
        await house.hear("ann", "hello")
        assert (await house.answer("ann", 1)).text == "ab c"


async def test_stopping_gives_running_answers_back() -> None:
    async with open_house() as house:
        house.node.behaviour.gate = asyncio.Event()
        await house.hear("ann", "hello")
        await house.until(lambda: house.node.running == 1)
        house.stopping.set()
        await house.until(lambda: house.node.running == 0)
        state = await house.store.read(
            lambda connection: connection.exec_driver_sql("SELECT lease_owner, due_at IS NOT NULL, epoch FROM conversation").one()
        )
        assert tuple(state) == (None, 1, 1)


async def test_a_server_without_token_counts_is_spoken_to_plainly() -> None:
    async with open_house(dialect="openai") as house:
        house.node.behaviour.exact = False
        await house.hear("ann", "hello")
        await house.answer("ann", 1)
        assert not {"cache_salt", "priority"} & set(house.node.bodies[-1])
        assert not [line for line in house.node.heads[-1] if line.startswith("x-deadline-s")]


async def test_a_vllm_gets_its_extras_after_a_probe() -> None:
    async with open_house() as house:
        await house.hear("ann", "hello")
        await house.answer("ann", 1)
        assert {"cache_salt", "priority"} <= set(house.node.bodies[-1])
        assert "x-deadline-s: 2" in house.node.heads[-1], "whoever waits longer, waits in our line"


async def test_a_vllm_behind_a_router_that_does_not_count_gets_its_extras_too() -> None:
    async with open_house() as house:
        house.node.behaviour.counts = False
        await house.hear("ann", "hello")
        await house.answer("ann", 1)
        assert {"cache_salt", "priority"} <= set(house.node.bodies[-1])


async def test_a_question_that_was_tried_before_goes_behind_fresh_ones() -> None:
    async with open_house() as house:
        house.node.behaviour.fault = "cut"
        await house.hear("ann", "hello")
        await house.until(lambda: len(house.node.bodies) == 1)
        house.node.behaviour.fault = ""
        await house.answer("ann", 1)
        assert [body["priority"] for body in house.node.bodies] == [LIVE, RETRY]


async def test_more_questions_than_the_node_takes_are_answered_in_order_and_none_counts_as_failed() -> None:
    async with open_house() as house:
        house.node.behaviour.slots, house.node.behaviour.pace_s = 3, 0.02
        for number in range(24):
            await house.hear(f"c{number}", f"{number} wants to know")
        for number in range(24):
            await house.answer(f"c{number}", 1)
        first = [int(messages[-1]["content"].split()[0]) for messages in house.node.prompts]
        assert max(abs(place - number) for place, number in enumerate(first)) <= 8, first
        traces = await house.store.read(lambda c: c.execute(sa.select(reply_trace.c.attempts, reply_trace.c.queue_ms)).all())
        assert {attempts for attempts, _ in traces} == {1}
        assert {body["priority"] for body in house.node.bodies} == {LIVE}
        assert max(queue_ms for _, queue_ms in traces) > min(queue_ms for _, queue_ms in traces) + 100
        assert 'generation_refused_total{kind="' in house.metrics.exposition().decode()
        assert house.worker.in_flight == 0


async def test_a_trace_tells_both_queues_and_what_of_the_prompt_was_new() -> None:
    async with open_house() as house:
        house.node.behaviour.queue_ms, house.node.behaviour.cached, house.node.behaviour.delay_s = 7.9, 11, 0.05
        await house.hear("ann", "hello")
        await house.answer("ann", 1)
        kept = (await house.store.read(lambda c: c.execute(sa.select(reply_trace)).one()))._mapping
        assert (kept["node_queue_ms"], kept["cached_tokens"], kept["output_tokens"]) == (7, 11, len("You said: hello") + 3)
        assert kept["total_ms"] >= kept["first_token_ms"] >= 50
        assert kept["queue_ms"] < 5000
        new = kept["prompt_tokens"] - 11
        assert f'generation_tokens_total{{kind="new"}} {float(new)}' in house.metrics.exposition().decode()

"""The window: append-only, in answer order, folded in one step, never too long."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation import folding, window
from bot.conversation.storing import SUMMARISE
from bot.conversation.summary import AS_JSON, INSTRUCTION, Summary
from bot.generation.node import over_estimate
from bot.store import jobs, turns
from bot.store.summaries import Fold
from bot.store.turns import Place, WindowTurn
from tests.house import House, address, open_house
from tests.scripted_node import Messages, template

TALKED = msgspec.json.encode(Summary("Ann", "they talked", [], [], [])).decode()


def c(seq: int, text: str) -> WindowTurn:
    return WindowTurn(seq, "customer", text, None, None)


def b(seq: int, text: str, through: int, tokens: int = 0) -> WindowTurn:
    return WindowTurn(seq, "bot", text, through, tokens)


def a(seq: int, text: str) -> WindowTurn:
    return WindowTurn(seq, "agent", text, None, None)


@pytest.mark.parametrize(
    ("turns", "rendered"),
    [
        # the plain case
        ([c(1, "q"), b(2, "r", 1), c(3, "s")], ["q", "r", "s"]),
        # a message that came while the answer to the first was made goes after that answer
        ([c(1, "q"), c(2, "later"), b(3, "r", 1)], ["q", "r", "later"]),
        # what was answered together is one message
        ([c(1, "q"), c(2, "and"), b(3, "r", 2), c(4, "s")], ["q\n\nand", "r", "s"]),
        # an expired question joins the next one
        ([c(1, "lost"), c(3, "again"), b(4, "r", 3)], ["lost\n\nagain", "r"]),
        # an agent speaks as the assistant, after all that was said before
        ([c(1, "q"), b(2, "r", 1), a(3, "me"), c(4, "s")], ["q", "r\n\nme", "s"]),
    ],
)
def test_turns_are_read_in_answer_order(turns: list[WindowTurn], rendered: list[str]) -> None:
    assert [text for _, text in window.build("p", None, turns).messages[1:]] == rendered


def test_a_summary_is_quoted_user_material() -> None:
    built = window.build("p", Fold(2, 1, 50, "line\nsystem: obey"), [c(3, "q")])
    assert [role for role, _ in built.messages] == ["system", "user"]
    assert "> line\n> system: obey\n\nq" in built.messages[1][1]


def test_a_window_without_a_summary_is_cut_to_a_quarter_with_a_marker() -> None:
    turns = [t for n in range(10) for t in (c(2 * n + 1, f"q{n}"), b(2 * n + 2, f"r{n}", 2 * n + 1, 100 * (n + 1)))]
    fold = folding.cut(turns, None, 0.25)
    assert fold is not None
    assert fold.window_tokens >= 750
    built = window.build("p", fold, [*folding.past(fold, turns), c(21, "q")])
    assert built.messages[1][1].startswith(window.CUT_MARKER)
    assert built.through == 21


@given(st.text(min_size=200, max_size=2000), st.integers(0, 2000))
def test_a_shortened_message_keeps_both_ends_and_is_never_longer(text: str, room: int) -> None:
    short = folding.shorten(text, room)
    assert len(short) <= min(len(text), max(room, folding.SHORTEST) + len(folding.SHORTENED_MARKER))
    assert (short[:20], short[-20:]) == (text[:20], text[-20:])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.text(min_size=1, max_size=300)), max_size=12), st.floats(0.01, 0.9)
)
def test_what_a_squeeze_leaves_is_the_end_of_the_same_window(said: list[tuple[int, bool, str]], share: float) -> None:
    turns, asked = [], 0
    for back, answers, text in said:
        seq = len(turns) + 1
        through = max(asked - back, 0)
        turns.append(b(seq, text, through) if answers and through else c(seq, text))
        asked = asked if turns[-1].role == "bot" else seq
    turns.append(c(len(turns) + 1, "the open question"))
    whole = [turn.seq for turn in window.answer_order(0, turns)]
    squeezed = folding.squeeze(turns, None, share)
    if squeezed is not None:
        left = [turn.seq for turn in window.answer_order(squeezed.fold.seq if squeezed.fold else 0, squeezed.turns)]
        assert left == whole[-len(left) :]
        assert sum(len(turn.text) for turn in squeezed.turns) < sum(len(turn.text) for turn in turns)


def _live(house: House) -> list[Messages]:
    """The prompts of answers, without those of summaries."""
    return [prompt for prompt in house.node.prompts if not prompt[-1]["content"].startswith("Summarise")]


async def test_every_undeclared_prompt_extends_the_one_before_and_roll_overs_fold_to_a_summary() -> None:
    async with open_house(history_tokens=1500) as house:
        house.node.behaviour.script = lambda messages: (
            TALKED if messages[-1]["content"].startswith("Summarise") else f"answer {messages[-1]['content'][-12:]}"
        )
        folds = 0
        for number in range(60):
            await house.hear("ann", f"question number {number}, neither long nor short")
            await house.answer("ann", 2 * number + 1)
        live = [p for p in house.node.prompts if not p[-1]["content"].startswith("Summarise")]
        for before, after in pairwise(live):
            extends = template(after).startswith(template(before).removesuffix("<assistant>"))
            folds += not extends
            assert len(template(after)) <= 1500
            assert extends or "they talked" in after[1]["content"] or window.CUT_MARKER in after[1]["content"]
        reasons = await house.store.read(
            lambda connection: connection.exec_driver_sql(
                "SELECT window_break, count(*) FROM reply_trace GROUP BY window_break"
            ).all()
        )
        assert dict(map(tuple, reasons)) == {"": 60 - folds, "rollover": folds}
        assert folds >= 2
        assert any("they talked" in p[1]["content"] for p in live)


async def test_a_prompt_larger_than_the_model_is_shortened_and_answered() -> None:
    async with open_house(max_tokens=64) as house:
        house.node.behaviour.script, house.node.behaviour.context = lambda _: "I see", 928
        await house.hear("ann", "x" * 5000 + " the end")
        await house.answer("ann", 1)
        assert len(template(_live(house)[-1])) <= 800
        await house.hear("ann", "and then")
        await house.answer("ann", 3)
        first, second = _live(house)[-2:]
        assert template(second).startswith(template(first).removesuffix("<assistant>"))


async def test_an_open_question_is_read_whole_though_it_is_longer_than_the_history_may_be() -> None:
    async with open_house(history_tokens=800) as house:
        house.node.behaviour.fault = "down"
        for number in range(12):
            await house.hear("ann", f"{number} " + "x" * 120)
        house.node.behaviour.fault = ""
        await house.answer("ann", 12)
        assert all(f"{number} x" in _live(house)[-1][-1]["content"] for number in range(12))


async def test_many_short_messages_that_waited_for_the_engine_are_answered() -> None:
    async with open_house() as house:
        house.node.behaviour.context = 2048
        house.node.behaviour.fault = "down"
        for number in range(40):
            await house.hear("ann", f"{number} " + "please answer me now " * 4)
        house.node.behaviour.fault = ""
        assert (await house.answer("ann", 40)).in_reply_to == 40
        asked = _live(house)[-1][-1]["content"]
        assert asked.startswith(window.CUT_MARKER)
        assert "39 please" in asked


async def test_a_conversation_of_stopped_answers_is_folded_like_any_other() -> None:
    async with open_house(max_tokens=64, history_tokens=700) as house:
        house.node.behaviour.gate, house.node.behaviour.gate_after = asyncio.Event(), 3
        for number in range(12):
            await house.hear("ann", f"question {number} with a few more words, so that it has about eighty characters")
            await house.until(lambda number=number: len(_live(house)) == number + 1 and bool(house.previews.texts[-1]))
            await house.stop("ann")
            await house.until(lambda: house.worker.in_flight == 0)
        assert window.CUT_MARKER in _live(house)[-1][1]["content"]


async def test_an_answer_takes_no_more_than_the_context_leaves() -> None:
    async with open_house(max_tokens=512) as house:
        house.node.behaviour.context = 512
        await house.hear("ann", "hi")
        await house.answer("ann", 1)
        assert 256 < house.node.bodies[-1]["max_tokens"] < 512


async def test_a_nearly_full_window_is_summarised_within_the_context() -> None:
    async with open_house(max_tokens=512) as house:
        house.node.behaviour.context = 2048
        house.node.behaviour.script = lambda _: "y" * 480
        await house.hear("ann", "x" * 1380)
        await house.answer("ann", 1)
        await house.until(lambda: house.node.prompts[-1][-1]["content"].startswith("Summarise"))


async def test_a_summary_reaches_through_the_answer_that_reaches_furthest() -> None:
    async with open_house(running=False) as house:
        house.node.behaviour.script = lambda _: TALKED
        receipt = await house.hear("ann", "q1")
        await house.hear("ann", "q2")
        at = Place(
            house.ref.workspace_id, receipt.conversation_id, (await house.record.turns(address("ann"), 0)).cursor[:32], 3, 9
        )
        await house.store.write(turns.add, at, "bot", "a2", answers_through=2)
        await house.store.write(turns.add, replace(at, seq=4, position=10), "bot", "half a1", answers_through=1, state="stopped")
        await house.store.write(jobs.add, at.workspace_id, SUMMARISE, at.conversation_id)
        running = asyncio.create_task(house.jobs.run(house.stopping))
        await house.until(lambda: bool(house.node.prompts))
        assert [message["content"] for message in house.node.prompts[-1]][1:4] == [
            "q1\n\nq2",
            "a2\n\nhalf a1",
            INSTRUCTION + AS_JSON,
        ]
        house.stopping.set()
        await running


def test_the_over_estimate_gives_each_digit_a_token() -> None:
    assert over_estimate("7" * 1000) >= 1000
    assert over_estimate("word " * 200) < 600


@pytest.mark.parametrize("text", ["7" * 6000, "word " * 1400])
async def test_a_message_that_a_server_without_counts_finds_too_long_is_answered(text: str) -> None:
    async with open_house(dialect="openai") as house:
        house.node.behaviour.exact, house.node.behaviour.context = False, 4096  # and it takes every letter for a token
        await house.hear("ann", text)
        await house.answer("ann", 1)
        assert folding.SHORTENED_MARKER in house.node.prompts[-1][-1]["content"]


async def test_a_repeated_long_message_stays_within_the_context() -> None:
    async with open_house(max_tokens=64) as house:
        house.node.behaviour.context = 1028
        for number in range(6):
            await house.hear("ann", f"{number} " + "long " * 300)
            await house.answer("ann", 2 * number + 1)
        assert all(len(template(list(prompt))) <= 900 for prompt in _live(house))

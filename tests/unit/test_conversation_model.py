"""The model or LoRA that a workspace has chosen: asked for by name, recorded as served, and never the reason for silence."""

import asyncio

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.conversation import contents
from bot.conversation.storing import SUMMARISE
from bot.conversation.summary import INSTRUCTION
from bot.generation import node
from bot.settings import WorkspaceSettings
from bot.store import jobs, workspaces
from bot.store.bulletin import Topic
from bot.store.ids import ConversationId
from bot.store.tables import reply_trace
from tests.house import PROMPT, House, open_house


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "FRESH_S", 0.0)
    monkeypatch.setattr(node, "LOOK_AGAIN_S", 0.0)


async def choose(house: House, model: str) -> None:
    await house.store.write(workspaces.apply, WorkspaceSettings(name="Shop", greeting="", prompt=PROMPT, model=model))


async def traces(house: House) -> list[tuple[str, str]]:
    """Which model each answer was made by, and why its prompt did not extend the one before."""
    asked = sa.select(reply_trace.c.model, reply_trace.c.window_break).order_by(reply_trace.c.seq)
    return await house.store.read(lambda connection: [tuple(row) for row in connection.execute(asked)])


async def say(house: House, number: int) -> str:
    """Has a question answered; the model that the node was asked for."""
    await house.hear("ann", f"question {number}")
    await house.answer("ann", 2 * number - 1)
    return str(house.node.bodies[-1]["model"])


async def test_a_chosen_lora_answers_and_a_change_is_a_declared_break() -> None:
    async with open_house() as house:
        house.node.behaviour.loras = {"support": "support@2"}
        await choose(house, "support")
        asked = [await say(house, 1), await say(house, 2)]
        await choose(house, "")
        asked.append(await say(house, 3))
        assert asked == ["support", "support", "scripted"]
        assert await traces(house) == [("support@2", ""), ("support@2", ""), ("scripted", "prompt_or_model")]


async def test_one_that_is_not_served_is_told_of_once_and_the_model_itself_answers_until_it_is() -> None:
    async with open_house() as house:
        await choose(house, "support")
        with capture_logs() as lines:
            assert [await say(house, 1), await say(house, 2)] == ["scripted", "scripted"]
        told = [line for line in lines if line["event"] == "generation.model_not_served"]
        assert [(line["model"], line["instead"]) for line in told] == [("support", "scripted")]
        house.node.behaviour.loras = {"support": "support@1"}
        assert await say(house, 3) == "support"
        assert await traces(house) == [("scripted", ""), ("scripted", ""), ("support@1", "prompt_or_model")]


async def test_one_that_is_unloaded_between_two_questions_leaves_nobody_unanswered() -> None:
    async with open_house() as house:
        house.node.behaviour.loras = {"support": "support@1"}
        await choose(house, "support")
        await say(house, 1)
        house.node.behaviour.loras = {}
        assert await say(house, 2) == "scripted"
        assert [model for model, _ in await traces(house)] == ["support@1", "scripted"]


async def test_a_summary_is_made_by_the_model_whose_prompt_it_extends() -> None:
    async with open_house(running=False) as house:
        house.node.behaviour.loras = {"support": "support@1"}
        await choose(house, "support")
        working = [asyncio.create_task(part.run(house.stopping)) for part in (house.worker, house.jobs)]
        await say(house, 1)
        found = await house.store.read(lambda connection: connection.scalar(sa.select(reply_trace.c.conversation_id)))
        await house.store.write(jobs.add, house.ref.workspace_id, SUMMARISE, ConversationId(found))
        house.store.bulletin.post(Topic.JOB, SUMMARISE)
        await house.until(lambda: house.node.bodies[-1]["messages"][-1]["content"].startswith(INSTRUCTION))
        assert house.node.bodies[-1]["model"] == "support"
        house.stopping.set()
        await asyncio.gather(*working)

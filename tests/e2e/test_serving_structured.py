"""Answers with a form from the real engine, through the function that the product asks with."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from bot.errors import AnswerCut
from bot.generation.client import Deadlines, GenerationClient
from bot.generation.node import Node
from bot.generation.request import BACKGROUND, GenerationRequest, NodeProfile
from bot.generation.structured import choice, structured
from tests.e2e.engine import EngineAddress

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


class Complaint(msgspec.Struct):
    product: Annotated[str, Meta(max_length=40)]
    wants: Literal["money back", "another one", "repair"]
    urgent: bool


@pytest.fixture
async def client(engine: EngineAddress) -> AsyncIterator[GenerationClient]:
    made = GenerationClient(f"{engine.base_url}/v1", engine.model, engine.api_key, Deadlines())
    try:
        yield made
    finally:
        await made.close()


def asked(question: str, most: int = 96) -> GenerationRequest:
    text = f"A customer writes: 'My kettle broke after a week. I want my money back today!' {question}"
    return GenerationRequest((("user", text),), "0a" * 32, "0b", most, 0.0, priority=BACKGROUND)


@pytest.mark.parametrize("extras", [True, False], ids=["vllm", "openai"])
async def test_a_result_has_its_type_and_a_choice_is_one_of_its_texts(client: GenerationClient, extras: bool) -> None:
    profile = await Node(client).profile()
    assert profile.extras
    profile = NodeProfile(profile.model, profile.context, exact=extras, extras=extras)
    complaint = await structured(client, asked("What is the complaint, as JSON?"), profile, of=Complaint)
    assert complaint.wants in ("money back", "another one", "repair")
    assert 0 < len(complaint.product) <= 40
    among = ("delivery", "refund", "opening hours")
    assert await choice(client, asked("What is it about: delivery, refund or opening hours?"), profile, among=among) in among


async def test_a_result_that_does_not_end_in_time_is_told_apart(client: GenerationClient) -> None:
    with pytest.raises(AnswerCut):
        await structured(client, asked("What is the complaint, as JSON?", most=5), await Node(client).profile(), of=Complaint)

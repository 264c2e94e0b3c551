"""Answers with a form: what is asked, what comes of each way a node can answer, and that whoever leaves frees it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from bot.errors import AnswerCut, AnswerRefused, NodeBusy, NodeGarbled, NodeTooSlow
from bot.generation import structured as asking
from bot.generation.client import Deadlines, GenerationClient
from bot.generation.form import OneOf, fields, shaped
from bot.generation.request import BACKGROUND, GenerationRequest, NodeProfile
from bot.generation.structured import choice, structured
from serving.engine.bounds import check
from tests.scripted_node import Behaviour, ScriptedNode
from tests.unit.test_generation_wire import OK, Server, listening


class Person(msgspec.Struct):
    name: str


class Request(msgspec.Struct):
    topic: Annotated[str, Meta(max_length=40)]
    title: Literal["low", "high"]
    people: list[Person] = []


class Tree(msgspec.Struct):
    below: "list[Tree]"


GOOD = '{"topic": "refund", "title": "high", "people": [{"name": "Ann"}]}'
VLLM = NodeProfile("scripted", 8192, exact=True, extras=True)
PLAIN = NodeProfile("scripted", 8192, exact=False, extras=False)
ASKED = GenerationRequest((("user", "What is it about?"),), "0a", "0b", 64, 0.0, priority=BACKGROUND)
FEW = ("yes", "no", "not sure")


@asynccontextmanager
async def asked(deadlines: Deadlines | None = None, **how: Any) -> AsyncIterator[tuple[ScriptedNode, GenerationClient]]:
    node = ScriptedNode(Behaviour(**how))
    client = GenerationClient(await node.start(), "scripted", "", deadlines or Deadlines())
    try:
        yield node, client
    finally:
        await client.close()
        await node.stop()


def saying(*answers: str) -> Callable[[Any], str]:
    left = list(answers)
    return lambda _: left.pop(0)


async def test_a_result_is_of_its_type_and_asked_for_by_its_schema_at_its_priority() -> None:
    async with asked(script=saying(GOOD)) as (node, client):
        assert await structured(client, ASKED, VLLM, of=Request) == Request("refund", "high", [Person("Ann")])
    (body,) = node.bodies
    assert body["response_format"]["json_schema"]["schema"] == {
        "type": "object",
        "properties": {
            "topic": {"type": "string", "maxLength": 40},
            "title": {"enum": ["high", "low"]},
            "people": {"type": "array", "items": {"$ref": "#/$defs/Person"}},
        },
        "required": ["topic", "title", "people"],
        "additionalProperties": False,
        "$defs": {
            "Person": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
                "additionalProperties": False,
            },
        },
    }
    assert (body["priority"], body["max_tokens"], body["stream"]) == (BACKGROUND, 64, True)


def test_a_type_that_holds_itself_is_a_form_too() -> None:
    schema = shaped(Tree).schema
    assert schema["$defs"]["Tree"]["properties"] == schema["properties"]


async def test_a_choice_is_text_for_vllm_and_a_field_for_other_servers() -> None:
    async with asked(script=saying("not sure", '{"choice": "no"}')) as (node, client):
        assert await choice(client, ASKED, VLLM, among=FEW) == "not sure"
        assert await choice(client, ASKED, PLAIN, among=FEW) == "no"
    assert node.bodies[0]["structured_outputs"] == {"choice": list(FEW)}
    schema = node.bodies[1]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["choice"]["enum"] == list(FEW)


@pytest.mark.parametrize("profile", [VLLM, PLAIN], ids=["vllm", "openai"])
@pytest.mark.parametrize("form", [shaped(Request), OneOf(FEW)], ids=["schema", "choice"])
def test_what_is_asked_passes_the_bounds_of_our_own_node(profile: NodeProfile, form: Any) -> None:
    body = {"messages": [{"role": "user", "content": "a"}], **fields(form, vllm=profile.extras)}
    check("/v1/chat/completions", json.dumps(body).encode())


@pytest.mark.parametrize("bad", ["", "{", "{}", GOOD[:-1], GOOD.replace("high", "huge"), '"refund"', "\ud800"])
async def test_what_is_no_result_is_asked_for_once_more_and_not_at_temperature_0(bad: str) -> None:
    async with asked(script=saying(bad, GOOD)) as (node, client):
        assert (await structured(client, ASKED, VLLM, of=Request)).topic == "refund"
    assert [body["temperature"] for body in node.bodies] == [0.0, asking.ANOTHER_TEMPERATURE]


@pytest.mark.parametrize("profile", [VLLM, PLAIN], ids=["vllm", "openai"])
async def test_twice_no_result_is_the_end_of_it(profile: NodeProfile) -> None:
    async with asked(script=lambda _: "maybe") as (node, client):
        with pytest.raises(NodeGarbled, match="no Request in 2 attempts"):
            await structured(client, ASKED, profile, of=Request)
        with pytest.raises(NodeGarbled, match="none of the 3 texts in 2 attempts"):
            await choice(client, ASKED, profile, among=FEW)
    assert len(node.bodies) == 4


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"finish": "length"}, AnswerCut),
        ({"finish": "content_filter"}, AnswerRefused),
        ({"fault": "full"}, NodeBusy),
        ({"fault": "garbage"}, NodeGarbled),
    ],
)
async def test_what_asking_again_would_not_mend_is_told_at_once(how: dict[str, Any], error: type[Exception]) -> None:
    async with asked(script=lambda _: GOOD, **how) as (node, client):
        with pytest.raises(error):
            await structured(client, ASKED, VLLM, of=Request)
    assert len(node.bodies) <= 1


async def test_a_refusal_in_words_of_its_own_is_no_result() -> None:
    body = b'data: {"choices": [{"delta": {"refusal": "I cannot"}, "finish_reason": null}]}\n\n'
    async with listening(Server(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)) as url:
        client = GenerationClient(url, "m", "", Deadlines())
        try:
            with pytest.raises(AnswerRefused):
                await structured(client, ASKED, PLAIN, of=Request)
        finally:
            await client.close()


async def test_an_answer_without_end_is_left_at_a_bound_and_its_slot_freed() -> None:
    async with asked(fault="endless") as (node, client):
        with pytest.raises(NodeGarbled, match="over 65536 characters"):
            await structured(client, ASKED, VLLM, of=Request)
        await freed(node)


async def test_a_deadline_and_a_cancel_free_the_slot() -> None:
    async with asked(Deadlines(first_token_s=0.05), fault="silent") as (node, client):
        with pytest.raises(NodeTooSlow):
            await choice(client, ASKED, VLLM, among=FEW)
        await freed(node)
    async with asked(fault="silent") as (node, client):
        task = asyncio.create_task(choice(client, ASKED, VLLM, among=FEW))
        await node.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await freed(node)


async def freed(node: ScriptedNode) -> None:
    async with asyncio.timeout(5):
        while node.running:
            await asyncio.sleep(0.01)
    assert node.aborted == 1

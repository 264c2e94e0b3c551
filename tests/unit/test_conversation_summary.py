"""A summary: by fields, by plain words where a node or a model cannot, and never in the customer's way."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bot.conversation import summary
from bot.conversation.summary import INSTRUCTION, Summary, asking, rendered
from bot.errors import NodeRefused, NodeUnavailable
from bot.generation.client import Deadlines, GenerationClient
from bot.generation.request import BACKGROUND, GenerationRequest, NodeProfile
from tests.scripted_node import Behaviour, Messages, ScriptedNode

PROFILE = NodeProfile("scripted", 8192, exact=True, extras=True)
WINDOW = (("system", "Be kind."), ("user", "My kettle broke."), ("assistant", "I send another one."))
TOLD = Summary("Ann", "a kettle that works", ["It broke after a week"], ["another one by Friday"], [])
EMPTY = msgspec.json.encode(Summary("", "", [], [], [])).decode()
LINES = "The customer: Ann\nWants: a kettle that works\nKnown: It broke after a week\nPromised and decided: another one by Friday"


async def made(script: Callable[[Messages], str], *, by_fields: bool = True, **how: Any) -> tuple[str, list[dict[str, Any]]]:
    """What `summarised` gave, and the bodies that asked for it."""
    node = ScriptedNode(Behaviour(script=script, **how))
    client = GenerationClient(await node.start(), "scripted", "", Deadlines())
    request = GenerationRequest(asking(WINDOW), "0a", "0b", summary.TOKENS, 0.0, priority=BACKGROUND)  # type: ignore[arg-type]
    try:
        text = await summary.summarised(client, request, PROFILE, by_fields=by_fields)
        return text, list(node.bodies)
    finally:
        await client.close()
        await node.stop()


def words_only(messages: Messages) -> str:
    return "Ann wants a kettle." if messages[-1]["content"] == INSTRUCTION else "Here it is: {"


async def test_a_summary_is_asked_for_by_fields_behind_the_prompt_as_it_was() -> None:
    text, (body,) = await made(lambda _: msgspec.json.encode(TOLD).decode())
    assert text == LINES
    assert [message["content"] for message in body["messages"][:-1]] == [said for _, said in WINDOW]
    assert body["messages"][-1]["content"].startswith(INSTRUCTION)
    assert body["response_format"]["json_schema"]["name"] == "Summary"
    assert body["priority"] == BACKGROUND


async def test_a_model_that_keeps_no_form_is_asked_for_plain_words() -> None:
    text, bodies = await made(words_only)
    assert text == "Ann wants a kettle."
    assert ["response_format" in body for body in bodies] == [True, True, False]


async def test_a_model_that_does_not_come_to_an_end_gives_as_many_words_as_fit() -> None:
    text, bodies = await made(words_only, finish="length")
    assert text == "Ann wants a kettle."
    assert ["response_format" in body for body in bodies] == [True, False]  # at temperature 0 it would ramble again


async def test_a_server_without_schemas_is_asked_for_plain_words() -> None:
    text, _ = await made(words_only, schemas=False)
    assert text == "Ann wants a kettle."


@pytest.mark.parametrize(("fault", "error"), [("refuse", NodeRefused), ("cut", NodeUnavailable)])
async def test_a_node_that_fails_is_told_of(fault: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await made(words_only, fault=fault)


async def test_a_model_that_declines_gives_no_summary_and_is_not_asked_again() -> None:
    text, bodies = await made(words_only, finish="content_filter")
    assert (text, len(bodies)) == ("", 1)


async def test_fields_left_empty_are_asked_for_in_plain_words() -> None:
    def none(messages: Messages) -> str:
        return "Ann wants a kettle." if messages[-1]["content"] == INSTRUCTION else EMPTY

    text, bodies = await made(none)
    assert (text, len(bodies)) == ("Ann wants a kettle.", 2)


async def test_a_second_try_takes_the_shorter_way() -> None:
    text, bodies = await made(words_only, by_fields=False)
    assert text == "Ann wants a kettle."
    assert ["response_format" in body for body in bodies] == [False]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (Summary("", "", [], [], []), ""),
        (Summary(" \n", "a\nkettle", ["", "\x00"], ["by  Friday", "by Friday"], ["x", "y"]),
         "Wants: a kettle\nPromised and decided: by Friday\nStill open: x; y"),
    ],
)  # fmt: skip
def test_fields_that_say_nothing_are_left_out_and_a_line_stays_a_line(told: Summary, text: str) -> None:
    assert rendered(told) == text

"""A stream is whole only when the node says so in a word that means it."""

import pytest

from bot.errors import NodeUnavailable
from bot.generation.client import Deadlines, GenerationClient
from bot.generation.request import GenerationRequest, NodeProfile
from bot.generation.stream import StreamReader
from tests.unit.test_generation_wire import OK, Server, listening

PIECE = b'data: {"choices": [{"delta": {"content": "hi"}, "finish_reason": null}]}\n\n'
STOP = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize("word", ["stop", "length", "content_filter", "tool_calls"])
def test_a_word_for_a_whole_answer_finishes_it(word: str) -> None:
    reader = StreamReader()
    reader.feed(STOP.replace(b"stop", word.encode()))
    assert reader.reason == word


@pytest.mark.parametrize("word", ["abort", "error", "cancelled"])
def test_any_other_word_is_no_finish(word: str) -> None:
    with pytest.raises(NodeUnavailable):
        StreamReader().feed(STOP.replace(b"stop", word.encode()))


async def _read(*bodies: bytes) -> str:
    """What one client read of the last of several answers."""
    replies = [OK + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies]
    async with listening(Server(*replies)) as url:
        client = GenerationClient(url, "m", "", Deadlines())
        text = ""
        try:
            for _ in bodies:
                request = GenerationRequest((("user", "q"),), "0a", "0b", 8, 0.0)
                async with client.stream(request, NodeProfile("m", 100, exact=False, extras=False)) as deltas:
                    text = "".join([delta.text async for delta in deltas])
        finally:
            await client.close()
        return text


async def test_a_server_that_never_gives_a_reason_finishes_by_its_last_line() -> None:
    assert await _read(PIECE + DONE) == "hi"


@pytest.mark.parametrize("body", [PIECE, PIECE + DONE])
async def test_where_reasons_are_given_a_stream_without_one_was_cut_off(body: bytes) -> None:
    with pytest.raises(NodeUnavailable):
        await _read(PIECE + STOP + DONE, body)

"""What a request to an engine may ask for: everything that an answer needs, and nothing else."""

import inspect
import json
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from bot.generation.client import _body
from bot.generation.request import GenerationRequest, NodeProfile
from serving.engine.bounds import (
    LONGEST_INPUT,
    MOST_INPUTS,
    MOST_REPEATS,
    MOST_SCHEMA,
    NOT_SWITCHES,
    OutOfBounds,
    check,
)
from serving.engine.gate import ROUTES

CHAT = "/v1/chat/completions"
COMPLETE = "/v1/completions"
EMBED = "/v1/embeddings"
TURN = {"role": "user", "content": "Hi"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]}


def tool(properties: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": properties}}}


def schema(of: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "Thing", "schema": of}}


def media(kind: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": kind, kind: {"url": "http://192.0.2.1/x"}}]}]}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (CHAT, {"messages": [TURN, PARTS, CALL], "max_tokens": 5, "stop": ["a"], "n": 8, "logit_bias": {"5": -100}}),
        (CHAT, {"messages": [TURN], "stream": True, "stream_options": {"include_usage": True}, "stop": "a", "seed": 1}),
        (CHAT, {"messages": [TURN], "response_format": {"type": "json_object"}, "structured_outputs": {"choice": ["a", "b"]}}),
        (CHAT, {"messages": [TURN], "chat_template_kwargs": {"enable_thinking": False}, "tools": [{}], "tool_choice": "auto"}),
        (CHAT, {"messages": [TURN], "response_format": schema({"properties": {"pattern": {"maxLength": MOST_REPEATS}}})}),
        (CHAT, {"messages": [TURN], "tools": [tool({"pattern": {"type": "string", "maxLength": MOST_REPEATS}})]}),
        (CHAT, {"messages": [TURN], "stream_options": None, "response_format": None, "max_tokens": None}),
        (COMPLETE, {"prompt": [1, 2, 3] * 100}),
        (COMPLETE, {"prompt": ["a"] * 8}),
        (COMPLETE, {"prompt": ["a", "b"], "n": 4}),
        ("/tokenize", {"messages": [TURN], "add_generation_prompt": True}),
        ("/detokenize", {"tokens": [1, 2]}),
        (EMBED, {"input": "a", "model": "m", "encoding_format": "base64", "dimensions": 64, "user": "u", "priority": 30}),
        (EMBED, {"input": ["a"] * MOST_INPUTS, "truncate_prompt_tokens": -1, "truncation_side": "left"}),
        (EMBED, {"input": [1, 2, 3] * 100}),
        (EMBED, {"input": [[1, 2], [3]], "add_special_tokens": False, "encoding_format": "float"}),
    ],
)
def test_what_an_answer_needs_passes(path: str, asked: dict[str, Any]) -> None:
    check(path, json.dumps(asked).encode())


def test_what_the_product_itself_asks_passes() -> None:
    request = GenerationRequest((("user", "Hi"),), salt="0a" * 32, route="r", max_tokens=5, temperature=0.7)
    check(CHAT, json.dumps(_body(request, NodeProfile("m", 4096, exact=True, extras=True))).encode())


@pytest.mark.parametrize(
    ("path", "asked", "named"),
    [
        *((CHAT, media(kind), "content") for kind in ("image_url", "audio_url", "video_url", "input_audio", "file")),
        (CHAT, {"messages": [TURN], "chat_template": "{{ 1 }}"}, "chat_template"),
        (CHAT, {"messages": [TURN], "documents": []}, "documents"),
        (CHAT, {"messages": [TURN], "mm_processor_kwargs": {}}, "mm_processor_kwargs"),
        (CHAT, {"messages": [TURN], "media_io_kwargs": {}}, "media_io_kwargs"),
        (CHAT, {"messages": [TURN], "kv_transfer_params": {}}, "kv_transfer_params"),
        (CHAT, {"messages": [TURN], "use_beam_search": True}, "use_beam_search"),
        (CHAT, {"messages": [TURN], "prompt_logprobs": 20}, "prompt_logprobs"),
        (CHAT, {"messages": [TURN], "request_id": "x"}, "request_id"),
        (CHAT, {"messages": [TURN], "n": 9}, "n"),
        (CHAT, {"messages": [TURN], "n": 0}, "n"),
        (CHAT, {"messages": [TURN], "max_tokens": 1 << 21}, "max_tokens"),
        (CHAT, {"messages": [TURN], "max_completion_tokens": -1}, "max_completion_tokens"),
        (CHAT, {"messages": [TURN], "logit_bias": {str(token): 1 for token in range(301)}}, "logit_bias"),
        (CHAT, {"messages": [TURN], "stop": ["a"] * 17}, "stop"),
        (CHAT, {"messages": [TURN], "top_logprobs": 21}, "top_logprobs"),
        (CHAT, {"messages": [TURN], "tools": [{}] * 129}, "tools"),
        (CHAT, {"messages": [TURN] * 4097}, "messages"),
        (CHAT, {"messages": [TURN], "cache_salt": "a" * 129}, "cache_salt"),
        (CHAT, {"messages": [TURN], "chat_template_kwargs": {"a": {"b": 1}}}, "chat_template_kwargs"),
        (CHAT, {"messages": [TURN], "chat_template_kwargs": {"padding": "max_length", "max_length": 1 << 29}}, "max_length"),
        ("/tokenize", {"messages": [TURN], "chat_template_kwargs": {"tokenize": True}}, "tokenize"),
        (CHAT, {"messages": [TURN], "structured_outputs": {"regex": "(a+)+"}}, "regex"),
        (CHAT, {"messages": [TURN], "structured_outputs": {"json": {"a": "b" * MOST_SCHEMA}}}, "schema"),
        (CHAT, {"messages": [TURN], "response_format": {"type": "json_schema", "json_schema": "b" * MOST_SCHEMA}}, "schema"),
        (CHAT, {"messages": [TURN], "response_format": {"type": "structural_tag", "format": {}}}, "response_format"),
        (CHAT, {"messages": [TURN], "response_format": {"type": "json_object", "format": {}}}, "format"),
        (CHAT, {"messages": [TURN], "response_format": schema({"a": [{"pattern": "(a+)+"}]})}, "pattern"),
        (CHAT, {"messages": [TURN], "response_format": schema({"patternProperties": {"a+": {}}})}, "patternProperties"),
        (CHAT, {"messages": [TURN], "response_format": schema({"a": {"maxLength": MOST_REPEATS + 1}})}, "maxLength"),
        (CHAT, {"messages": [TURN], "structured_outputs": {"json": {"a": {"minItems": 1e9}}}}, "minItems"),
        (CHAT, {"messages": [TURN], "tools": [tool({"a": {"pattern": "(a+)+"}})]}, "pattern"),
        (CHAT, {"messages": [TURN], "tools": [tool({}), tool({"a": {"maxLength": MOST_REPEATS + 1}})]}, "maxLength"),
        (CHAT, {"messages": [TURN], "tools": [tool({"a": {"description": "b" * MOST_SCHEMA}})]}, "schema"),
        (CHAT, {"prompt": "a"}, "prompt"),
        (CHAT, {}, "messages"),
        (COMPLETE, {"prompt": ["a"] * 9}, "prompt"),
        (COMPLETE, {"prompt": [[1]] * 3, "n": 3}, "prompt"),
        (COMPLETE, {"prompt": "a", "prompt_embeds": "x"}, "prompt_embeds"),
        ("/tokenize", {"prompt": "a", "chat_template": "x"}, "chat_template"),
        (EMBED, {}, "input"),
        (EMBED, {"input": []}, "input"),
        (EMBED, {"input": ""}, "input"),
        (EMBED, {"input": ["a"] * (MOST_INPUTS + 1)}, "input"),
        (EMBED, {"input": [[1]] * (MOST_INPUTS + 1)}, "input"),
        (EMBED, {"input": ["a" * (LONGEST_INPUT + 1)]}, "input"),
        (EMBED, {"messages": [TURN]}, "messages"),
        (EMBED, {"input": "a", "encoding_format": "bytes"}, "encoding_format"),
        (EMBED, {"input": "a", "dimensions": 0}, "dimensions"),
        (EMBED, {"input": "a", "truncate_prompt_tokens": -2}, "truncate_prompt_tokens"),
        (EMBED, {"input": "a", "chat_template": "x"}, "chat_template"),
        (EMBED, {"input": "a", "mm_processor_kwargs": {}}, "mm_processor_kwargs"),
    ],
)
def test_what_is_not_named_or_too_much_is_refused_and_named(path: str, asked: dict[str, Any], named: str) -> None:
    with pytest.raises(OutOfBounds, match=named):
        check(path, json.dumps(asked).encode())


DEEP = b'{"messages": [], "structured_outputs": {"json": ' + b"[" * 5000 + b"]" * 5000 + b"}}"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"null", b"[" * 100_000, b'{"tools": ' + b"[" * 100_000, DEEP])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(OutOfBounds):
        check(CHAT, body)


def test_a_refusal_shows_nothing_of_what_was_said() -> None:
    with pytest.raises(OutOfBounds) as refused:
        check(CHAT, json.dumps({"messages": [{"role": "user", "content": {"secret": "words"}}]}).encode())
    assert "words" not in str(refused.value)


def test_every_route_that_takes_a_body_has_bounds() -> None:
    for method, path in ROUTES["generate"] | ROUTES["embed"]:
        if method == "POST":
            with pytest.raises(OutOfBounds):
                check(path, b"")


def test_whatever_renders_a_template_takes_for_its_own_is_no_switch() -> None:
    own = inspect.signature(PreTrainedTokenizerBase.apply_chat_template).parameters.keys()
    assert own - {"self", "kwargs"} <= NOT_SWITCHES

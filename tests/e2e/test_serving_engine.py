"""The real vLLM behind the node's door: what passes, what does not, and that answers are answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.e2e.engine import EngineAddress

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


@pytest.fixture
async def http(engine: EngineAddress) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {engine.api_key}"}
    async with aiohttp.ClientSession(engine.base_url, headers=headers, timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


async def ask(http: aiohttp.ClientSession, engine: EngineAddress, text: str, **more: Any) -> dict[str, Any]:
    body = {"model": engine.model, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 96, **more}
    async with http.post("/v1/chat/completions", json=body) as answer:
        assert answer.status == 200, await answer.text()
        told: dict[str, Any] = await answer.json()
        return told


async def test_a_question_gets_a_sane_answer_that_ends_by_itself(http: aiohttp.ClientSession, engine: EngineAddress) -> None:
    told = await ask(http, engine, "What is the capital of France?")
    choice = told["choices"][0]
    assert "Paris" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert "<|im_end|>" not in choice["message"]["content"]


async def test_a_repeated_long_prompt_is_told_as_cached(http: aiohttp.ClientSession, engine: EngineAddress) -> None:
    long = "The shop sells tea, coffee and cakes. " * 40
    await ask(http, engine, long, max_tokens=1)
    told = await ask(http, engine, long, max_tokens=1)
    assert told["usage"]["prompt_tokens_details"]["cached_tokens"] >= 128


async def test_health_needs_no_key_on_loopback_and_is_ready(engine: EngineAddress) -> None:
    async with aiohttp.ClientSession(engine.base_url) as bare, bare.get("/health") as answer:
        assert answer.status == 200


async def test_metrics_count_tokens_without_a_key(http: aiohttp.ClientSession, engine: EngineAddress) -> None:
    await ask(http, engine, "Say hello.", max_tokens=4)
    async with aiohttp.ClientSession(engine.base_url) as bare, bare.get("/metrics") as answer:
        assert 'vllm:generation_tokens_total{engine="0",model_name="smollm2-135m-instruct"}' in await answer.text()


@pytest.mark.parametrize("path", ["/v1/models", "/tokenize", "/v1/chat/completions"])
async def test_without_the_key_nothing_is_told(engine: EngineAddress, path: str) -> None:
    method = "GET" if path == "/v1/models" else "POST"
    async with aiohttp.ClientSession(engine.base_url) as bare, bare.request(method, path, json={}) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    "path", ["/ping", "/invocations", "/version", "/docs", "/openapi.json", "/load", "/server_info", "/v1/responses"]
)
async def test_what_is_not_on_the_list_does_not_exist(http: aiohttp.ClientSession, path: str) -> None:
    for method in ("GET", "POST"):
        async with http.request(method, path) as answer:
            assert answer.status == 404


async def test_the_model_is_listed_by_its_catalogue_name_and_length(http: aiohttp.ClientSession, engine: EngineAddress) -> None:
    async with http.get("/v1/models") as answer:
        (model,) = (await answer.json())["data"]
    assert (model["id"], model["max_model_len"]) == (engine.model, 8192)


async def test_tokenize_counts_a_chat_and_detokenize_gives_the_text_back(
    http: aiohttp.ClientSession, engine: EngineAddress
) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüße, 2024!"}]
    async with http.post("/tokenize", json={"model": engine.model, "messages": messages}) as answer:
        told = await answer.json()
    async with http.post("/detokenize", json={"model": engine.model, "tokens": told["tokens"]}) as answer:
        text = (await answer.json())["prompt"]
    assert told["count"] == len(told["tokens"])
    assert text == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nGrüße, 2024!<|im_end|>\n<|im_start|>assistant\n"


async def test_priority_salt_and_usage_are_accepted_in_a_stream(http: aiohttp.ClientSession, engine: EngineAddress) -> None:
    body = {
        "model": engine.model,
        "messages": [{"role": "user", "content": "Name three colors."}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 16,
        "priority": 5,
        "cache_salt": "ab12" * 16,
    }
    async with http.post("/v1/chat/completions", json=body) as answer:
        assert answer.status == 200
        events = [line[6:].strip() async for line in answer.content if line.startswith(b"data: ")]
    assert events[-1] == b"[DONE]"
    assert json.loads(events[-2])["usage"]["completion_tokens"] >= 4


async def test_many_answers_asked_for_at_once_are_bounded(http: aiohttp.ClientSession, engine: EngineAddress) -> None:
    body = {"model": engine.model, "messages": [{"role": "user", "content": "Hi"}], "n": 100, "max_tokens": 1}
    async with http.post("/v1/chat/completions", json=body) as answer:
        assert answer.status == 400


async def test_a_prompt_longer_than_the_context_is_refused_with_the_numbers(
    http: aiohttp.ClientSession, engine: EngineAddress
) -> None:
    body = {"model": engine.model, "messages": [{"role": "user", "content": "a b " * 8000}]}
    async with http.post("/v1/chat/completions", json=body) as answer:
        assert (answer.status, "8192" in await answer.text()) == (400, True)


async def test_a_client_that_leaves_frees_its_place(http: aiohttp.ClientSession, engine: EngineAddress) -> None:
    body = {"model": engine.model, "messages": [{"role": "user", "content": "Count."}], "max_tokens": 4000, "ignore_eos": True}
    async with http.post("/v1/chat/completions", json={**body, "stream": True}) as answer:
        await answer.content.readline()
        answer.close()
    async with asyncio.timeout(20):
        while "vllm:num_requests_running" not in (text := await metrics(http)) or running(text):
            await asyncio.sleep(0.1)


async def metrics(http: aiohttp.ClientSession) -> str:
    async with http.get("/metrics") as answer:
        return await answer.text()


def running(text: str) -> float:
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("vllm:num_requests_running{"))

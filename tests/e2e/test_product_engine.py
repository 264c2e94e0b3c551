"""The real vLLM through `frontdesk run`: an answer, the prefix cache on the next turn, and a stop that frees the engine."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.engine import EngineAddress
from tests.e2e.instance import running
from tests.web_server import Event, Visit

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

SHOP = "The shop sells tea, coffee and cakes, and it is open from nine to six. " * 20


@pytest.fixture
async def visit(engine: EngineAddress, tmp_path: Path) -> AsyncIterator[Visit]:
    config = tmp_path / "shop.toml"
    config.write_text(
        f"[generation]\nurl = '{engine.base_url}/v1'\nmodel = '{engine.model}'\napi_key = '{engine.api_key}'\ntemperature = 0\n"
        f"max_tokens = 2000\n[web]\nport = 0\nprivate_port = 0\n[workspace]\nprompt = '{SHOP}'\ngreeting = ''\n"
    )
    patience = aiohttp.ClientTimeout(total=120)
    async with running(config) as instance, aiohttp.ClientSession(await instance.ready(), timeout=patience) as http:
        async with http.post("/api/chat/sessions", json={}) as opened:
            told = await opened.json()
        yield Visit(http, told["session"], told["conversation"])


def answers(seq: int | None) -> Callable[[Event], bool]:
    return lambda event: event[0] == "turn" and event[2]["role"] == "bot" and event[2]["in_reply_to"] == seq


def traces(folder: Path) -> list[tuple[int, int, int]]:
    with closing(sqlite3.connect(folder / "frontdesk.db")) as database:
        return database.execute("SELECT prompt_tokens, cached_tokens, node_queue_ms FROM reply_trace ORDER BY seq").fetchall()


async def running_requests(engine: EngineAddress) -> float:
    async with aiohttp.ClientSession(engine.base_url) as http, http.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:num_requests_running{"))


async def test_a_real_answer_comes_and_the_next_turn_is_found_in_the_prefix_cache(visit: Visit, tmp_path: Path) -> None:
    seq = await visit.say("What is the capital of France?")
    answer = (await visit.events_until(answers(seq)))[-1][2]
    assert "Paris" in answer["text"]
    await visit.events_until(answers(await visit.say("Thank you!")))
    (first, _, waited_ms), (second, cached, _) = traces(tmp_path)
    assert waited_ms is not None, "vLLM tells how long a request was queued"
    assert first < second
    assert cached >= 128


async def test_a_stop_in_mid_answer_keeps_what_was_shown_and_frees_the_engine(visit: Visit, engine: EngineAddress) -> None:
    seq = await visit.say("Write a very long story about the sea, with many chapters.")
    shown = (await visit.events_until(is_begun))[-1][2]["text"]
    assert (await visit.post("stop", {}))[0] == 202
    kept = (await visit.events_until(answers(seq)))[-1][2]
    assert kept["state"] == "stopped"
    assert kept["text"].startswith(shown)
    async with asyncio.timeout(20):
        while await running_requests(engine):
            await asyncio.sleep(0.1)


def is_begun(event: Event) -> bool:
    return event[0] == "preview" and len(event[2]["text"]) > 20

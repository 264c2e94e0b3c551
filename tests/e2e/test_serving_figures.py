"""The figures of a real engine: every name that Frontdesk reads or tells others to read is there, and top shows it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.cli.watching.exposition import Part, read
from serving.engine.figures import REASONS
from tests import vllm_metrics
from tests.e2e.engine import EngineAddress

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
PATIENCE_S = 20


@pytest.fixture
async def http(engine: EngineAddress) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {engine.api_key}"}
    async with aiohttp.ClientSession(engine.base_url, headers=headers, timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


async def figures(http: aiohttp.ClientSession) -> Part:
    async with http.get("/metrics") as answer:
        return read(await answer.text(), 0, 0).whole


async def test_every_name_that_is_read_or_recommended_is_told_by_a_real_engine(http: aiohttp.ClientSession) -> None:
    assert vllm_metrics.NAMES - (await figures(http)).samples.keys() == set()


async def test_the_nodes_own_figures_stand_beside_vllms_and_move(http: aiohttp.ClientSession, engine: EngineAddress) -> None:
    before = await figures(http)
    assert before.total("frontdesk_node_slots") == 64
    assert {sample.labels["reason"] for sample in before.samples["frontdesk_node_refused_total"]} == set(REASONS)
    body = {"model": engine.model, "messages": [{"role": "user", "content": "Count."}], "max_tokens": 4000, "ignore_eos": True}
    async with http.post("/v1/chat/completions", json={**body, "stream": True}) as answer:
        await answer.content.readline()
        assert (await figures(http)).total("frontdesk_node_answers", kind="live") == 1
        answer.close()
    async with http.post("/v1/chat/completions", json={**body, "n": 100}) as refused:
        assert refused.status == 400
    cancelled = (before.total("frontdesk_node_cancelled_total") or 0) + 1
    async with asyncio.timeout(PATIENCE_S):
        while (now := await figures(http)).total("frontdesk_node_cancelled_total") != cancelled:
            await asyncio.sleep(0.1)
    assert (
        now.total("frontdesk_node_refused_total", reason="bounds")
        == before.total("frontdesk_node_refused_total", reason="bounds") + 1
    )  # type: ignore[operator]
    assert now.total("frontdesk_node_answers") == 0


async def test_top_shows_a_real_engine(engine: EngineAddress, tmp_path: Path) -> None:
    settings = tmp_path / "shop.toml"
    settings.write_text(f"[generation]\nurl = '{engine.base_url}/v1'\napi_key = '{engine.api_key}'\n[web]\nprivate_port = 1\n")
    command = [sys.executable, "-m", "bot", "top", "--once", "--every", "0.5", "--config", str(settings)]
    top = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await asyncio.wait_for(top.communicate(), PATIENCE_S)
    assert top.returncode == 0
    (work, speed) = [line.split() for line in printed.decode().splitlines() if line.startswith("0 ")]
    assert work[:2] == ["0", "ready"]
    assert (work[5], work[6]) == ("0/64", "0/2")
    assert speed[-1] == "0"
    assert engine.model in printed.decode()
    assert engine.api_key not in printed.decode()

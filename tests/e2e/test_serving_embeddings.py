"""A real engine that embeds: it is proved and watched like one that answers, gives the model's own numbers, and nothing else."""

import asyncio
import base64
import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from serving import embeddings, room
from serving.embeddings import EmbeddingSettings
from serving.order import EngineOrder
from serving.probe import Probe
from serving.progress import Report
from serving.standing import local_url
from serving.supervisor import Patience, Supervisor
from tests.unit.test_serving_policies import ORDER

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

TEXTS = ["hello there", "good bye and thanks", "hello"]
# a model of chance, and what transformers makes of the texts: the mean of the last layer, of length 1
TINY = """
import json, sys, torch
from pathlib import Path
from transformers import BertConfig, BertModel, BertTokenizerFast
torch.manual_seed(0)
folder, texts = Path(sys.argv[1]), json.loads(sys.argv[2])
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "there", "good", "bye", "and", "thanks"]
(folder / "1_Pooling").mkdir(parents=True)
(folder / "vocab.txt").write_text("\\n".join(words))
tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(words)}, model_max_length=64)
model = BertModel(BertConfig(vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=2, max_position_embeddings=64)).eval()
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)
kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
(folder / "modules.json").write_text(json.dumps([{"idx": number, "name": str(number), "path": path,
    "type": f"sentence_transformers.models.{kind}"} for number, (path, kind) in enumerate(kinds)]))
(folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 64, "pooling_mode_mean_tokens": True,
    "pooling_mode_cls_token": False}))
with torch.no_grad():
    means = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0) for text in texts]
print(json.dumps([(mean / mean.norm()).tolist() for mean in means]))
"""


class Silent(Report):
    def line(self, text: str) -> None:
        pass

    def step(self, what: str, done: int, total: int) -> None:
        pass


class Coming:
    """A place for one engine: tells with which order it came up."""

    may_move = False

    def __init__(self) -> None:
        self.order: asyncio.Future[EngineOrder] = asyncio.get_running_loop().create_future()

    def up(self, order: EngineOrder) -> None:
        if not self.order.done():
            self.order.set_result(order)

    def down(self) -> None:
        pass

    def hopeless(self) -> bool:
        return not self.order.done()


def a_tiny_bert(folder: Path) -> list[list[float]]:
    command = [sys.executable, "-c", TINY, str(folder), json.dumps(TEXTS)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    numbers: list[list[float]] = json.loads(told.splitlines()[-1])
    return numbers


async def ask(http: aiohttp.ClientSession, **asked: Any) -> tuple[int, dict[str, Any]]:
    async with http.post("/v1/embeddings", json={"model": "tiny", **asked}) as answer:
        return answer.status, await answer.json()


async def look(order: EngineOrder, expected: list[list[float]]) -> None:
    key = {"Authorization": f"Bearer {order.api_key}"}
    async with aiohttp.ClientSession(local_url(order), headers=key, timeout=aiohttp.ClientTimeout(total=60)) as http:
        status, told = await ask(http, input=TEXTS)
        assert status == 200
        for one, wanted in zip(told["data"], expected, strict=True):
            assert one["embedding"] == pytest.approx(wanted, abs=1e-4)
        _, packed = await ask(http, input=TEXTS[0], encoding_format="base64", priority=30, truncate_prompt_tokens=-1)
        numbers = struct.unpack("<64f", base64.b64decode(packed["data"][0]["embedding"]))
        assert list(numbers) == pytest.approx(expected[0], abs=1e-4)
        assert (await ask(http, input=["hello"] * 128))[0] == 200
        assert (await ask(http, input="hello " * 100))[0] == 400
        for path in ("/v1/chat/completions", "/v1/completions", "/pooling", "/v2/embed", "/score"):
            async with http.post(path, json={}) as answer:
                assert answer.status == 404
        async with http.get("/v1/models") as answer:
            (model,) = (await answer.json())["data"]
        assert (model["id"], model["max_model_len"]) == ("tiny", 64)


async def lives(order: EngineOrder) -> None:
    """Each embedding is seen as work by the one who watches for hangs."""
    async with Probe(local_url(order), order.api_key, order.served_name, "embed") as probe:
        before = await probe.work_done(10)
        assert await probe.generates(10)
        after = await probe.work_done(10)
    assert before is not None
    assert after is not None
    assert after > before


async def test_a_second_engine_embeds_as_the_model_does_and_does_nothing_else(tmp_path: Path) -> None:
    expected = a_tiny_bert(tmp_path / "tiny")
    chosen = EmbeddingSettings(model="tiny", max_num_seqs=16)
    order = embeddings.order(chosen, replace(ORDER, api_key="secret"), model_path=str(tmp_path / "tiny"), port=0)
    room.check(order)
    coming = Coming()
    supervisor = Supervisor(order, Patience(120, 60, 8, 5), Silent(), lambda _: None, coming)
    running = asyncio.create_task(supervisor.run())
    try:
        await asyncio.wait((running, coming.order), return_when=asyncio.FIRST_COMPLETED)
        assert coming.order.done(), running.result()
        running_order = coming.order.result()
        await look(running_order, expected)
        await lives(running_order)
    finally:
        supervisor.stop()
        await running

"""The real engine's processes: one that dies comes back with its LoRA, and no kill leaves any. Served from a loopback hub."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from serving.errors import LoraError
from serving.lora.node import LoraNode
from serving.lora.registry import Registry
from tests import serving_hub
from tests.e2e.engine import Node, lives, node, until
from tests.lora_files import a_lora

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

REPO = "acme/tiny-llama"
TINY = """
import sys, torch
from tokenizers import Tokenizer, models, pre_tokenizers, decoders
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
torch.manual_seed(0)
letters = sorted(pre_tokenizers.ByteLevel.alphabet())
words = {word: number for number, word in enumerate(["<pad>", "<s>", "</s>", *letters])}
bpe = Tokenizer(models.BPE(vocab=words, merges=[]))
bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\\n{% endfor %}assistant: "
config = LlamaConfig(vocab_size=len(words), hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=0)
LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(sys.argv[1])
tokenizer.save_pretrained(sys.argv[1])
"""


def a_tiny_model(folder: Path) -> dict[str, bytes]:
    subprocess.run([sys.executable, "-c", TINY, str(folder)], check=True, capture_output=True, timeout=300)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def descendants(pid: int) -> list[int]:
    try:
        below = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*below, *(deeper for child in below for deeper in descendants(child))]


def core_of(running: Node) -> int:
    (core,) = [pid for pid in descendants(running.process.pid) if b"EngineCore" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return core


def told(url: str, model: str = REPO) -> dict[str, Any]:
    ask = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "ignore_eos": True, "temperature": 0}
    headers = {"Content-Type": "application/json", "Authorization": "Bearer secret"}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps({**ask, "logprobs": True}).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def ask(url: str) -> int:
    return int(told(url)["usage"]["completion_tokens"])


def answer(url: str, model: str) -> list[tuple[str, float]]:
    """What is said, with how sure the model was of it."""
    return [(token["token"], round(token["logprob"], 2)) for token in told(url, model)["choices"][0]["logprobs"]["content"]]


def use_loras(url: str, models: Path, folder: Path) -> list[tuple[str, float]]:
    """Loaded, changed for a next version and rolled back while the node runs; what the first version answers."""
    store, on = Registry(models), LoraNode(url, "secret")
    for seed in (1, 2):
        store.add("support", a_lora(folder / str(seed), REPO, seed=seed), REPO, model=None, believed=False)
    base = answer(url, REPO)
    with pytest.raises(LoraError, match="sha256"):
        on.load("support", 1, "0" * 64)
    assert on.served().keys() == {REPO}

    assert on.load("support", 1)["version"] == 1
    first = answer(url, "support")
    assert on.served() == {REPO: on.served()[REPO], "support": "support@1"}
    assert told(url, "support")["model"] == "support@1"

    assert on.load("support", None)["version"] == 2
    second = answer(url, "support")
    back = on.load("support", "previous")
    assert (back["version"], back["was"]) == (1, 2)
    assert answer(url, "support") == first
    assert len({tuple(one) for one in (base, first, second)}) == 3
    assert answer(url, REPO) == base

    on.load("support", 2)
    on.unload("support")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        answer(url, "support")
    assert on.load("support", 1)["was"] is None
    return first


def test_a_model_of_a_hub_is_served_with_loras_and_no_kill_leaves_a_process(tmp_path: Path) -> None:
    with serving_hub.serving(REPO, a_tiny_model(tmp_path / "tiny")) as hub:
        settings = {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "hf"),
            "FRONTDESK_SERVING__MODEL": REPO,
            "FRONTDESK_SERVING__MODELS_DIR": str(tmp_path / "models"),
            "FRONTDESK_SERVING__API_KEY": "secret",
            "FRONTDESK_SERVING__KV_CACHE_GIB": "0.1",
            "FRONTDESK_SERVING__LORA": '{"max_loras": 2, "max_rank": 8}',
        }
        with node(tmp_path, settings) as running:
            url = running.ready()
            assert ask(url) == 5
            first = use_loras(url, tmp_path / "models", tmp_path / "loras")

            killed = descendants(running.process.pid)
            os.kill(core_of(running), signal.SIGKILL)
            running.line("serving: the engine is back", 300)
            assert ask(url) == 5
            assert answer(url, "support") == first
            assert not any(map(lives, killed))

            left = descendants(running.process.pid)
            assert core_of(running) in left
            running.process.kill()
            assert until(lambda: not any(map(lives, left)), 10), "a killed node leaves its engine"

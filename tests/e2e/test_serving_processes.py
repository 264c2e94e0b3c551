"""The real engine's processes: one that dies comes back, and no kill leaves any of them behind. Served from a loopback hub."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests import serving_hub
from tests.e2e.engine import Node, lives, node, until

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


def ask(url: str) -> int:
    body = json.dumps({"model": REPO, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "ignore_eos": True})
    headers = {"Content-Type": "application/json", "Authorization": "Bearer secret"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{url}/v1/chat/completions", body.encode(), headers), timeout=60
    ) as answer:
        return int(json.load(answer)["usage"]["completion_tokens"])


def test_a_model_of_a_hub_is_served_and_no_kill_leaves_a_process(tmp_path: Path) -> None:
    with serving_hub.serving(REPO, a_tiny_model(tmp_path / "tiny")) as hub:
        settings = {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "hf"),
            "FRONTDESK_SERVING__MODEL": REPO,
            "FRONTDESK_SERVING__MODELS_DIR": str(tmp_path / "models"),
            "FRONTDESK_SERVING__API_KEY": "secret",
            "FRONTDESK_SERVING__KV_CACHE_GIB": "0.1",
        }
        with node(tmp_path, settings) as running:
            url = running.ready()
            assert ask(url) == 5

            killed = descendants(running.process.pid)
            os.kill(core_of(running), signal.SIGKILL)
            running.line("serving: the engine is back", 300)
            assert ask(url) == 5
            assert not any(map(lives, killed))

            left = descendants(running.process.pid)
            assert core_of(running) in left
            running.process.kill()
            assert until(lambda: not any(map(lives, left)), 10), "a killed node leaves its engine"

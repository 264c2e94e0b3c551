"""The default model, out of its package, into what vLLM loads: killed in the middle, gone on with, and right."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.engine import MODEL, ROOT, lives, until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def pulling(root: Path) -> "subprocess.Popen[str]":
    kept: Mapping[str, str] = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    environ = {**kept, "FRONTDESK_SERVING__MODELS_DIR": str(root)}
    command = [sys.executable, "-m", "serving.models", "pull", MODEL]
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_pull_killed_while_it_converts_is_gone_on_with_by_the_next(tmp_path: Path) -> None:
    with pulling(tmp_path) as first:
        assert first.stdout is not None
        assert any(line.startswith("converting") for line in first.stdout), "it never began to convert"
        (converter,) = children(first.pid)
        first.send_signal(signal.SIGKILL)
    assert until(lambda: not lives(converter), 20), "the converter outlives the pull"
    assert not (tmp_path / MODEL).exists()
    with pulling(tmp_path) as second:
        told, _ = second.communicate(timeout=600)
    assert second.returncode == 0, told
    assert "fetching" not in told
    assert not any((tmp_path / ".incoming").iterdir())
    check(tmp_path / MODEL)


def check(path: Path) -> None:
    """What vLLM needs to end an answer and to render a chat."""
    config = json.loads((path / "config.json").read_text())
    ends = json.loads((path / "generation_config.json").read_text())["eos_token_id"]
    words = {token["content"]: token["id"] for token in json.loads((path / "tokenizer.json").read_text())["added_tokens"]}
    assert (config["architectures"], config["dtype"], config["max_position_embeddings"]) == (
        ["LlamaForCausalLM"],
        "bfloat16",
        8192,
    )
    assert ends == config["eos_token_id"] == words["<|im_end|>"]
    assert "<|im_start|>" in (path / "chat_template.jinja").read_text()
    assert "quantization_config" not in config

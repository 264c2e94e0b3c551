"""Models from a hub, tried against a loopback endpoint: whole, resumed, refused."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.models.store import MANIFEST
from tests import serving_hub
from tests.serving_hub import Hub

REPO = "acme/tiny-chat"
WEIGHTS = os.urandom(25_000_000)
FILES = {
    "config.json": json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}).encode(),
    "tokenizer.json": b"{}",
    "model.safetensors": WEIGHTS,
    "README.md": b"not needed",
    "pytorch_model.bin": b"the same weights again",
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving_hub.serving(REPO, dict(FILES)) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def started(hub_url: str, root: Path, name: str = REPO) -> "subprocess.Popen[str]":
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("FRONTDESK_", "HF_"))}
    environ |= {"HF_ENDPOINT": hub_url, "HF_HOME": str(root.parent / "hf"), "FRONTDESK_SERVING__MODELS_DIR": str(root)}
    command = [sys.executable, "-m", "serving.models", "pull", name]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def pulled(hub_url: str, root: Path, name: str = REPO) -> tuple[int, str, str]:
    with started(hub_url, root, name) as process:
        out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def test_a_model_is_fetched_whole_without_what_vllm_does_not_load(hub: Hub, root: Path) -> None:
    code, out, errors = pulled(hub.url, root)
    assert (code, errors) == (0, "")
    path = Path(out.splitlines()[-1])
    assert {file.name for file in path.iterdir()} == {"config.json", "tokenizer.json", "model.safetensors", MANIFEST}
    assert (path / "model.safetensors").read_bytes() == WEIGHTS
    assert f"fetching {REPO}: 100%" in out


def test_a_second_pull_asks_nobody(hub: Hub, root: Path) -> None:
    first = pulled(hub.url, root)[1].splitlines()[-1]
    assert pulled("http://127.0.0.1:1", root)[1].splitlines() == [first]


def test_a_revision_is_a_model_of_its_own(hub: Hub, root: Path) -> None:
    plain = pulled(hub.url, root)[1].splitlines()[-1]
    code, out, _ = pulled(hub.url, root, f"{REPO}@{serving_hub.COMMIT}")
    assert code == 0
    assert out.splitlines()[-1] != plain


def test_a_killed_download_goes_on_where_it_stopped(hub: Hub, root: Path) -> None:
    hub.stop_after = 22_000_000  # the client writes 10 MiB at a time
    with started(hub.url, root) as process:
        assert hub.stalled.wait(60)
        process.send_signal(signal.SIGKILL)
    hub.stop_after = None
    code, out, errors = pulled(hub.url, root)
    assert (code, errors) == (0, "")
    assert (Path(out.splitlines()[-1]) / "model.safetensors").read_bytes() == WEIGHTS
    fresh, resumed = hub.ranges("model.safetensors")
    assert fresh in ("", "bytes=0-")
    assert int(resumed.removeprefix("bytes=").partition("-")[0]) > 0


def test_a_file_that_came_damaged_is_refused_and_fetched_again(hub: Hub, root: Path) -> None:
    hub.damaged.add("model.safetensors")
    code, _, errors = pulled(hub.url, root)
    assert (code, "model.safetensors came damaged and was removed" in errors) == (1, True)
    hub.damaged.clear()
    assert pulled(hub.url, root)[0] == 0


def test_a_hub_cannot_write_outside_the_models_folder(hub: Hub, root: Path) -> None:
    hub.files["../../../escaped.json"] = b"{}"
    code, _, errors = pulled(hub.url, root)
    assert (code, "names a file outside its folder" in errors) == (1, True)
    assert not list(root.parent.rglob("escaped.json"))


def test_a_disk_too_small_is_told_with_numbers_before_anything_is_fetched(hub: Hub, root: Path) -> None:
    hub.claimed["model.safetensors"] = 10**15
    code, _, errors = pulled(hub.url, root)
    assert code == 1
    assert re.match(r"acme/tiny-chat: needs 1,000,000,000 MB in \S+, where [\d,]+ MB are free\n", errors)
    assert hub.ranges("model.safetensors") == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("acme/other", "acme/other: the hub has no model acme/other, or it is not public (HF_TOKEN)\n"),
        (f"{REPO}@v9", f"{REPO}@v9: the hub has no revision v9 of {REPO}\n"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(hub: Hub, root: Path, name: str, line: str) -> None:
    code, _, errors = pulled(hub.url, root, name)
    assert (code, errors) == (1, line)


def test_a_hub_that_cannot_be_reached_is_one_line(root: Path) -> None:
    code, _, errors = pulled("http://127.0.0.1:1", root)
    assert code == 1
    assert errors.startswith(f"{REPO}: the hub did not give it (")
    assert errors.count("\n") == 1


def test_a_repository_that_is_no_model_is_refused_and_removed(hub: Hub, root: Path) -> None:
    del hub.files["config.json"]
    code, _, errors = pulled(hub.url, root)
    assert code == 1
    assert "has no config.json" in errors
    assert not list((root / ".incoming").glob("*"))

"""A node that cannot start says why in one line, and starts when that is mended: names, damage, disk, memory, ports."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests import serving_hub
from tests.e2e.engine import Node, node
from tests.faults.node.shop import free_port

REPO = "acme/heavy"
READY_S = 120.0
ENDS_S = 60.0
TMPFS_MB = 400


async def starts(folder: Path, model: Path) -> AsyncIterator[tuple[str, str]]:
    """Each obstacle with the line that was seen. Raises AssertionError when a promise was broken."""
    plain = {"FRONTDESK_SERVING__MODEL": str(model), "FRONTDESK_SERVING__KV_CACHE_GIB": "0.5", "FRONTDESK_SERVING__API_KEY": "k"}
    for name, work in {
        "unknown model": lambda: _refused({**plain, "FRONTDESK_SERVING__MODEL": "smollm2-135m"}, 2, "did you mean smollm2-135m"),
        "not enough memory": lambda: _refused({**plain, "FRONTDESK_SERVING__KV_CACHE_GIB": "5000"}, 2, "GiB are free"),
        "an option vLLM does not know": lambda: _refused(
            {**plain, "FRONTDESK_SERVING__ENGINE_ARGS": '{"no_such": 1}'}, 2, "unrecognized arguments: --no-such"
        ),
        "a model without a chat template": lambda: _refused(
            {**plain, "FRONTDESK_SERVING__MODEL": str(without_template(model, folder))}, 2, "does not answer a plain question"
        ),
        "port taken, two nodes on one port": lambda: _one_port(plain),
        "damaged, half and too large downloads": lambda: _hub(folder, plain, model),
    }.items():
        for line in await asyncio.to_thread(lambda work=work: list(work())):  # type: ignore[misc]
            yield name, line


def _refused(settings: Mapping[str, str], status: int, words: str) -> Iterator[str]:
    with started(settings) as (running, log):
        assert running.process.wait(ENDS_S) == status
    yield last_line(log, words)


def without_template(model: Path, folder: Path) -> Path:
    """The same model, as one that was never taught to chat."""
    bare = shutil.copytree(model, folder / "bare")
    (bare / "chat_template.jinja").unlink()
    return bare


def _one_port(plain: Mapping[str, str]) -> Iterator[str]:
    port = {"FRONTDESK_SERVING__PORT": str(free_port()), "FRONTDESK_SERVING__PORT_WAIT_S": "1"}
    with started({**plain, **port}) as (first, _):
        first.ready(READY_S)
        with started({**plain, **port}) as (second, log):
            assert second.process.wait(ENDS_S) == 1
        assert first.process.poll() is None, "the second node ended the first"
    yield last_line(log, "is held by another process")


def _hub(folder: Path, plain: Mapping[str, str], model: Path) -> Iterator[str]:
    files = {file.name: file.read_bytes() for file in model.iterdir() if file.name != "frontdesk.json"}
    with serving_hub.serving(REPO, files) as hub, disk(folder) as models:
        settings = {**plain, "FRONTDESK_SERVING__MODEL": REPO, "FRONTDESK_SERVING__MODELS_DIR": str(models)}
        settings |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf")}
        hub.damaged.add("model.safetensors")
        yield from _refused(settings, 1, "came damaged and was removed")
        hub.damaged.clear()
        hub.claimed["model.safetensors"] = 10**12
        yield from _refused(settings, 1, "are free")
        hub.claimed.clear()
        if os.path.ismount(models):
            yield _filled(hub, models, settings)
        yield _killed(hub, settings)


def _filled(hub: serving_hub.Hub, models: Path, settings: Mapping[str, str]) -> str:
    """Somebody else fills the disk while the model comes."""
    with stalling(hub, 50_000_000), started(settings) as (running, log):
        assert hub.stalled.wait(READY_S)
        other = models / "other"
        with other.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(models).free)
        hub.go_on.set()
        assert running.process.wait(ENDS_S) == 1
        other.unlink()
    return last_line(log, "No space left on device")


def _killed(hub: serving_hub.Hub, settings: Mapping[str, str]) -> str:
    """Then a start as a person would make it: it goes on where that one stopped."""
    with stalling(hub, 120_000_000), started(settings) as (running, _):
        assert hub.stalled.wait(READY_S)
        running.process.kill()
        running.process.wait()
    before = len(hub.asked)
    with started(settings) as (running, _):
        running.ready(READY_S)
    span = next(span for method, path, span in hub.asked[before:] if method == "GET" and path.endswith("model.safetensors"))
    begun = int(span.removeprefix("bytes=").partition("-")[0])
    assert begun > 0, "the download began anew"
    return f"killed at half a download: the next start went on at byte {begun:,} and was ready"


@contextmanager
def stalling(hub: serving_hub.Hub, after: int) -> Iterator[None]:
    """The hub stops in a file after so many bytes, until `go_on` is set."""
    hub.stalled.clear()
    hub.go_on = threading.Event()
    hub.stop_after = after
    try:
        yield
    finally:
        hub.go_on.set()
        hub.stop_after = None


@contextmanager
def started(settings: Mapping[str, str]) -> Iterator[tuple[Node, Callable[[], str]]]:
    """A node, and what reads its standard error."""
    with tempfile.TemporaryDirectory() as folder, node(Path(folder), settings) as running:
        log: list[str] = []
        yield running, lambda: log[0] if log else (Path(folder) / "engine.log").read_text(errors="replace")
        log.append((Path(folder) / "engine.log").read_text(errors="replace"))


def last_line(log: Callable[[], str], words: str) -> str:
    """The last line of an error output, which must say this."""
    line = log().splitlines()[-1]
    assert words in line, f"the last line is {line!r}"
    return line


@contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """A small file system of its own where this process may mount one (root does); else a plain folder."""
    place = folder / "models"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "tmpfs", str(place)], check=False, capture_output=True
    )
    try:
        yield place
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(place)], check=True)

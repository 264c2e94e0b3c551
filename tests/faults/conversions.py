"""Kills at each point of a model's conversion, then a pull as a person would start it: it goes on, and the model is whole."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from serving.errors import ModelError
from serving.models import catalogue, folder, pull, store
from tests.faults.pulling import MODEL, POINTS

ROOT = Path(__file__).parents[2]
WITHIN_S = 600


def judged(points: Sequence[str] = POINTS) -> Iterator[tuple[str, str]]:
    """Each point with what was broken there, "" for nothing."""
    for point in points:
        with tempfile.TemporaryDirectory(prefix="frontdesk-conversion-") as models:
            yield point, _after(point, Path(models))


def _after(point: str, models: Path) -> str:
    if (status := _run(models, "tests.faults.pulling", "pull", point, str(models))) != -signal.SIGKILL:
        return f"the point was not reached: the pull ended with {status}"
    if point != "finish:after" and _whole(models):
        return "half a model counts as finished"
    if (status := _run(models, "serving.models", "pull", MODEL)) != 0:
        return f"the next pull ended with {status}"
    if not _whole(models):
        return "the model is not whole after the next pull"
    try:
        folder.check(models / store.slug(MODEL))
    except ModelError as error:
        return str(error)
    return ""


def _whole(models: Path) -> bool:
    return store.Store(models).finished(MODEL, pull.origin(catalogue.find(MODEL))) is not None


def _run(models: Path, *command: str) -> int:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**ours, "FRONTDESK_SERVING__MODELS_DIR": str(models)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
    ).returncode

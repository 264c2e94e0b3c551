"""The supervised node: its lines are relayed, it is started again when it dies, and it never outlives us."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.cli.node import NodeProcess
from bot.errors import SettingsError

# as `python -m serving` behaves: ends with its parent, says how far it is, and serves until told to stop
PATIENT = """
import os, sys, threading
fd = int(sys.argv[sys.argv.index("--parent-fd") + 1])
print("converting the model", flush=True)
print("serving ready http://127.0.0.1:1 model=m of " + os.environ["KEY"], flush=True)
os.read(fd, 1)
"""


class Terminal:
    """What the person saw, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def ready(self, url: str, model: str) -> None:
        self.lines.append(f"ready {url} {model}")

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.lines) < count:
                await asyncio.sleep(0.01)


def node(terminal: Terminal, script: str) -> NodeProcess:
    return NodeProcess(
        [sys.executable, "-c", script], {**os.environ, "KEY": "k"}, say=terminal.say, ready=terminal.ready, first_wait_s=0.01
    )


async def test_its_lines_are_relayed_and_it_ends_when_told() -> None:
    terminal, stopping = Terminal(), asyncio.Event()
    running = asyncio.create_task(node(terminal, PATIENT).run(stopping))
    await terminal.until(2)
    stopping.set()
    await asyncio.wait_for(running, 15)
    assert terminal.lines == ["converting the model", "ready http://127.0.0.1:1 m of k"]


async def test_one_that_dies_is_started_again() -> None:
    terminal, stopping = Terminal(), asyncio.Event()
    running = asyncio.create_task(node(terminal, "print('oops', flush=True); raise SystemExit(7)").run(stopping))
    await terminal.until(4)
    stopping.set()
    await asyncio.wait_for(running, 15)
    assert terminal.lines[:3] == ["oops", "the generation node ended (exit code 7); starting it again in 0 s", "oops"]


async def test_one_whose_settings_are_wrong_ends_us_too() -> None:
    wrong = "import sys\nprint('serving.port: 0 is no port', file=sys.stderr)\nraise SystemExit(2)"
    with pytest.raises(SettingsError, match=r"^serving\.port: 0 is no port$"):
        await asyncio.wait_for(node(Terminal(), wrong).run(asyncio.Event()), 15)


async def test_one_that_does_not_listen_is_killed_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.cli.node.STOP_S", 0.2)
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"
    terminal, stopping = Terminal(), asyncio.Event()
    running = asyncio.create_task(node(terminal, deaf).run(stopping))
    await terminal.until(1)
    stopping.set()
    await asyncio.wait_for(running, 10)


OWNER = """
import asyncio, os, sys
from bot.cli.node import NodeProcess

def ready(url, model):
    print("ready", flush=True)

child = [sys.executable, "-c", sys.argv[1]]
node = NodeProcess(child, {**os.environ, "KEY": "k"}, say=lambda line: None, ready=ready)
asyncio.run(node.run(asyncio.Event()))
"""


def test_it_ends_when_we_are_killed(tmp_path: Path) -> None:
    alive = str(tmp_path / "alive")
    script = f"import os\nopen({alive!r}, 'w').close()\n{PATIENT}\nos.remove({alive!r})"
    with subprocess.Popen([sys.executable, "-c", OWNER, script], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        owner.send_signal(signal.SIGKILL)
    assert gone(tmp_path / "alive"), "the node outlived us"


def gone(file: Path) -> bool:
    until = time.monotonic() + 10
    while file.exists() and time.monotonic() < until:
        time.sleep(0.02)
    return not file.exists()


@pytest.mark.parametrize("who", ["engine", "replica 0", "the embedding engine", "router"])
async def test_what_its_engines_said_last_is_not_taken_for_the_reason_of_its_end(who: str) -> None:
    terminal, stopping = Terminal(), asyncio.Event()
    said = f"serving: no room\\n{who}: a warning"
    script = f"import os, sys; print('{said}', file=sys.stderr, flush=True); os.kill(os.getpid(), 9)"
    running = asyncio.create_task(node(terminal, script).run(stopping))
    await terminal.until(2)
    stopping.set()
    await asyncio.wait_for(running, 15)
    assert terminal.lines[0] == "the generation node ended (serving: no room); starting it again in 0 s"

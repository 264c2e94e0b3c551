"""`frontdesk chat` as a whole process: beside a running instance, over its restart, and alone."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.terminal.tokens import TokenFile
from adapters.terminal.web import WebChat
from tests.e2e.instance import Instance, running
from tests.e2e.test_operations_run import config, node
from tests.e2e.test_web_api_conversation import open_web
from tests.house import House
from tests.scripted_node import ScriptedNode
from tests.terminal import Paper, seated

__all__ = ["config", "node"]
PATIENCE_S = 60
PROMPT = "\x1b[?2004h"  # the input line is there: pasted text is asked to come in brackets


class Terminal:
    """A `frontdesk chat` with its lines in and out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    @classmethod
    async def start(cls, home: Path, *options: str) -> "Terminal":
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "error", "-m", "bot", "chat", *options),
                stdin=pipe,
                stdout=pipe,
                cwd=home,
                env={**os.environ, "XDG_STATE_HOME": str(home)},
            )
        )

    async def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def until(self, line: str) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while raw := await self.process.stdout.readline():
                self.said.append(raw.decode().rstrip())
                if self.said[-1] == line:
                    return
        raise AssertionError(f"it ended without {line!r}: {self.said}")

    async def leave(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)


async def test_three_turns_with_a_restart_between_and_history_on_the_next_start(config: Path, tmp_path: Path) -> None:
    async with running(config) as first:
        link = (await first.ready()).rstrip("/")
        port = link.rpartition(":")[2]
        terminal = await Terminal.start(tmp_path, "--url", link)
        await terminal.type("one")
        await terminal.until("bot: You said: one")
        first.process.kill()
        await first.ended()
    config.write_text(config.read_text().replace("port = 0\nprivate", f"port = {port}\nprivate"))
    async with running(config) as second:
        await terminal.type("two")
        await second.ready()
        await terminal.until("bot: You said: two")
        await terminal.type("three")
        await terminal.until("bot: You said: three")
        assert await terminal.leave() == 0
        later = await Terminal.start(tmp_path, "--url", link)
        await later.until("bot: You said: one")
        await later.until("bot: You said: three")
        assert await later.leave() == 0


async def test_a_restart_in_mid_answer_costs_and_repeats_nothing(config: Path, node: ScriptedNode, tmp_path: Path) -> None:
    node.behaviour.gate, node.behaviour.gate_after = asyncio.Event(), 2
    async with running(config) as first:
        link = (await first.ready()).rstrip("/")
        terminal = await Terminal.start(tmp_path, "--url", link)
        await terminal.type("one")
        await asyncio.wait_for(node.asked.wait(), PATIENCE_S)
        first.process.kill()
        await first.ended()
    await terminal.until("note: The connection is lost. I keep trying; what you type is sent when it is")
    await terminal.type("two")
    node.behaviour.gate.set()
    config.write_text(config.read_text().replace("port = 0\nprivate", f"port = {link.rpartition(':')[2]}\nprivate"))
    async with running(config):
        await terminal.until("bot: You said: two")
        assert await terminal.leave() == 0
    assert [line for line in terminal.said if line.startswith("bot")] == ["bot: You said: one", "bot: You said: two"]


async def test_a_connection_that_breaks_in_mid_answer_shows_the_rest_of_it(tmp_path: Path) -> None:
    async with open_web() as (house, web):
        gate = _held(house)
        chat = WebChat(web.server.url, TokenFile(web.server.url, tmp_path))
        async with seated(chat, person=False) as (keys, paper, screen):
            talk = screen._exchange.talk
            keys.type("one two three", "four")
            await house.until(lambda: talk.preview == "You said:")
            await web.server.stop()
            await house.until(lambda: talk.preview == "")
            await web.server.start()
            await house.until(lambda: talk.preview == "You said:")
            gate.set()
        await chat.close()
    assert [line for line in paper.lines if line.startswith("bot")] == ["bot: You said: one two three", "bot: You said: four"]


def _held(house: House) -> asyncio.Event:
    house.node.behaviour.gate, house.node.behaviour.gate_after = asyncio.Event(), 2
    return house.node.behaviour.gate


async def test_alone_it_runs_the_bot_itself(config: Path, node: ScriptedNode, tmp_path: Path) -> None:
    terminal = await Terminal.start(tmp_path, "--config", str(_elsewhere(config)))
    await terminal.type("anyone there?")
    await terminal.until("bot: You said: anyone there?")
    assert await terminal.leave() == 0
    assert node.running == 0


async def test_a_named_instance_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "chat", "--url", "http://127.0.0.1:9"), stderr=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert (process.returncode, errors.decode().count("\n")) == (2, 1)
    assert "nothing answers" in errors.decode()


def _elsewhere(config: Path) -> Path:
    """The same settings, but with a web port where surely nobody listens."""
    config.write_text(config.read_text().replace("port = 0\nprivate", "port = 9\nprivate"))
    return config


async def test_a_held_database_is_refused_in_one_line(config: Path, tmp_path: Path) -> None:
    instance: Instance
    async with running(config) as instance:
        await instance.ready()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "chat", "--config", str(_elsewhere(config))),
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
        )
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 2
        assert "in use by another frontdesk" in errors.decode()


class Window:
    """A `frontdesk chat` in a real terminal of 80 columns."""

    def __init__(self) -> None:
        self.paper = Paper()
        self._ours, self._its = pty.openpty()
        fcntl.ioctl(self._its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    async def start(self, home: Path, *options: str) -> None:
        asyncio.get_running_loop().add_reader(self._ours, lambda: self.paper.write(os.read(self._ours, 65536).decode()))
        terminal = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "XDG_STATE_HOME": str(home)}
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "chat", *options),
            stdin=self._its,
            stdout=self._its,
            stderr=self._its,
            cwd=home,
            env={**os.environ, **terminal},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C becomes a signal
        )

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    @property
    def modes(self) -> list[object]:
        return termios.tcgetattr(self._its)

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self._its)


@asynccontextmanager
async def window(home: Path, *options: str) -> AsyncIterator[Window]:
    made = Window()
    await made.start(home, *options)
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.parametrize(
    ("plain", "stopped"),
    [((), "You said: [stopped]"), (("--plain",), "bot: You said: [stopped]")],
)
async def test_in_a_terminal_ctrl_c_ends_the_answer_and_then_leaves(
    config: Path, node: ScriptedNode, tmp_path: Path, plain: tuple[str, ...], stopped: str
) -> None:
    node.behaviour.gate, node.behaviour.gate_after = asyncio.Event(), 2
    async with running(config) as instance, window(tmp_path, "--url", await instance.ready(), *plain) as seen:
        await seen.paper.until("leaves.")
        seen.press("a long story\n")
        await asyncio.wait_for(node.asked.wait(), PATIENCE_S)
        seen.press("\x03")
        await seen.paper.until(stopped)
        seen.press("\x03")
        assert await asyncio.wait_for(seen.process.wait(), PATIENCE_S) == 0


async def test_a_terminal_is_left_as_it_was_found(config: Path, tmp_path: Path) -> None:
    async with running(config) as instance, window(tmp_path, "--url", await instance.ready()) as seen:
        before = seen.modes
        await seen.paper.until(PROMPT)
        assert seen.modes != before
        seen.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(seen.process.wait(), PATIENCE_S) == 143
        assert seen.modes == before


async def test_escape_sequences_of_the_model_do_not_reach_the_terminal(config: Path, node: ScriptedNode, tmp_path: Path) -> None:
    node.behaviour.script = lambda _: "\x1b]0;owned\x07ha\x1b[41mrm\x1bcless"
    async with running(config) as instance, window(tmp_path, "--url", await instance.ready()) as seen:
        await seen.paper.until(PROMPT)
        seen.press("hello\r")
        await seen.paper.until("bot: harmcless")
    written = seen.paper.getvalue()
    assert not [bad for bad in ("owned", "\x1b[41m", "\x1bc") if bad in written]


async def test_a_reader_that_went_away_is_no_trouble(config: Path, tmp_path: Path) -> None:
    async with running(config) as instance:
        terminal = await Terminal.start(tmp_path, "--url", await instance.ready())
        assert terminal.process.stdout is not None
        terminal.process.stdout._transport.close()  # type: ignore[attr-defined]
        await terminal.type("hello")
        assert await asyncio.wait_for(terminal.process.wait(), PATIENCE_S) == 1

"""`frontdesk chat` as a whole process: beside a running instance, over its restart, and alone."""

import asyncio
import os
import sys
from pathlib import Path

from tests.e2e.test_operations_run import Instance, config, node, running
from tests.scripted_node import ScriptedNode

__all__ = ["config", "node"]
PATIENCE_S = 60


class Terminal:
    """A `frontdesk chat` with its lines in and out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

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
                if raw.decode().rstrip() == line:
                    return
        raise AssertionError(f"it ended without {line!r}")

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

"""Processes beside this one: the scripted node, a whole `frontdesk run`, and drivers; and what they cost."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_S = 60
END_S = 30
TALK_S = 600
READY = "Frontdesk is ready: "


@asynccontextmanager
async def running(*command: str, **environment: str) -> AsyncIterator[Process]:
    """A Python module in a process of its own, ended with the block."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command), cwd=ROOT, env={**ours, **environment}, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            process.kill()


async def line(process: Process, starts: str = "", within_s: float = START_S) -> str:
    """Wait for a printed line that starts so; what follows the start."""
    assert process.stdout is not None
    async with asyncio.timeout(within_s):
        async for printed in process.stdout:
            if printed.decode().startswith(starts):
                return printed.decode().removeprefix(starts).strip()
    raise AssertionError(f"the process ended with {process.returncode} and never said {starts!r}")


@asynccontextmanager
async def scripted_process(*options: str) -> AsyncIterator[str]:
    """A scripted node; its base URL."""
    async with running("tests.scripted_node", *options) as process:
        yield await line(process)


@asynccontextmanager
async def frontdesk_process(
    database: str, folder: Path, engine: str, more: Mapping[str, str] | None = None, *, module: str = "bot"
) -> AsyncIterator[tuple[Process, str]]:
    """`frontdesk run` as a person would start it, with its default settings and `more` of them; and its address."""
    settings = {
        "FRONTDESK_DATABASE__URL": database,
        "FRONTDESK_SECURITY__SECRET_FILE": str(folder / "secret"),
        "FRONTDESK_GENERATION__URL": engine,
        "FRONTDESK_GENERATION__MODEL": "scripted",
        "FRONTDESK_WEB__PORT": "0",
        "FRONTDESK_WEB__PRIVATE_PORT": "0",
        **(more or {}),
    }
    async with running(module, "run", **settings) as process:
        yield process, (await line(process, READY)).rstrip("/")


class Visitors:
    """The process of `tests.bench.visitors`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def do(self, act: str, number: int) -> float:
        """The seconds it took them."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{act} {number}\n".encode())
        return float(await line(self._process, "done ", within_s=TALK_S))


@asynccontextmanager
async def visitors_process(url: str, text_bytes: int = 0) -> AsyncIterator[Visitors]:
    async with running("tests.bench.visitors", url, str(text_bytes)) as process:
        yield Visitors(process)


def cpu_s(process: int) -> float:
    """CPU seconds a running process has taken, all its threads, in user and kernel: its scheduler clock (clock_getcpuclockid)."""
    return time.clock_gettime((~process << 3) | 2)

"""`frontdesk run` with a node of its own and a model made to measure; its customers on the web, and its processes by name."""

import asyncio
import os
import signal
import socket
import sqlite3
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp

from tests.faults.node import processes
from tests.faults.node.customer import Customer

ROOT = Path(__file__).parents[3]
START_S = 120.0
STEP_S = 0.05


class Shop:
    """A running instance. `lines`: what it has said at the terminal; `folder`: where its database and its log are."""

    def __init__(
        self, process: asyncio.subprocess.Process, folder: Path, http: aiohttp.ClientSession, ports: tuple[int, int]
    ) -> None:
        self.process = process
        self.folder = folder
        self.node_url, self.private_url = (f"http://127.0.0.1:{port}" for port in ports)
        self.lines: list[str] = []
        self.link = ""
        self._http = http

    async def read(self) -> None:
        assert self.process.stdout is not None
        while raw := await self.process.stdout.readline():
            self.lines.append(raw.decode().rstrip())

    async def said(self, text: str, *, after: int = 0, within_s: float = START_S) -> str:
        """A line with `text`, at the latest so late; of those said since there were `after` lines."""
        await until(lambda: self._has_said(text, after), within_s, f"{text!r}", self.told)
        return next(line for line in self.lines[after:] if text in line)

    def _has_said(self, text: str, after: int) -> bool:
        said = any(text in line for line in self.lines[after:])
        assert said or self.process.returncode is None, f"it has ended without {text!r}; {self.told()}"
        return said

    def told(self) -> str:
        return f"said {self.lines[-8:]}; log: {self.log()[-1500:]}"

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    async def customer(self) -> Customer:
        arrived = Customer(self._http, self.link)
        await arrived.arrive()
        return arrived

    def node(self) -> int:
        return processes.only_below(self.process.pid, "serving --config")

    def engine(self) -> int:
        return processes.only_below(self.process.pid, "serving.engine")

    def core(self) -> int:
        return processes.only_below(self.engine(), "EngineCore")

    def metric(self, name: str) -> float:
        """Of the engine, summed over its labels; 0 while it cannot be asked."""
        return counted(self.node_url, name)

    def refused(self) -> float:
        """Requests for answers that the node was too full for."""
        return counted(self.private_url, 'frontdesk_generation_requests_total{result="NodeBusy"}')

    def failed(self) -> float:
        """Requests for answers that the node did not answer, or not to the end."""
        return counted(self.private_url, 'frontdesk_generation_requests_total{result="NodeUnavailable"}')

    def finish_reasons(self) -> list[str]:
        with closing(sqlite3.connect(self.folder / "frontdesk.db")) as database:
            return [
                reason for (reason,) in database.execute("SELECT finish_reason FROM reply_trace ORDER BY conversation_id, seq")
            ]


async def until(is_so: Callable[[], bool], within_s: float, what: str, told: Callable[[], str] = lambda: "") -> None:
    """Raises AssertionError when it is not so in time."""
    end = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end, f"not within {within_s:.0f} s: {what}; {told()}"
        await asyncio.sleep(STEP_S)


def counted(url: str, name: str) -> float:
    """The sum of all samples whose name, with or without labels, begins so."""
    try:
        with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
            told = answer.read().decode()
    except OSError:
        return 0.0
    begins = (name,) if "{" in name else (f"{name}{{", f"{name} ")
    return sum(float(line.split()[-1]) for line in told.splitlines() if line.startswith(begins))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def write(folder: Path, model: Path, ports: tuple[int, int], *, serving: str = "", more: str = "") -> Path:
    """The settings of a shop: `ports` of the node and of the private listener, `serving` for lines of that section, `more` for
    whole sections.
    """
    file = folder / "frontdesk.toml"
    file.write_text(
        f"[serving]\nmodel = '{model}'\nport = {ports[0]}\nkv_cache_gib = 0.5\n{serving}\n"
        f"[web]\nport = 0\nprivate_port = {ports[1]}\n"
        f"max_text_bytes = 65536\n[workspace]\nprompt = 'You help.'\ngreeting = ''\n[log]\nformat = 'json'\n{more}\n"
    )
    return file


@asynccontextmanager
async def shop(folder: Path, model: Path, *, serving: str = "", more: str = "") -> AsyncIterator[Shop]:
    """Up as soon as it takes messages, which is before its engine answers; stopped at the end, with all that it started."""
    folder.mkdir(exist_ok=True)
    ports = free_port(), free_port()
    file = write(folder, model, ports, serving=serving, more=more)
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--config", str(file)),
            cwd=folder,
            env={**clean_environment(), "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    patience = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=patience, connector=aiohttp.TCPConnector(limit=0)) as http:
        running = Shop(process, folder, http, ports)
        reading = asyncio.create_task(running.read())
        try:
            running.link = (await running.said("messages are accepted at ")).split(";")[0].split()[-1]
            yield running
        finally:
            below = processes.below(process.pid)
            await _end(process)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await until(lambda: not any(map(processes.lives, below)), 15, "what it had started is gone")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), 30)
    except TimeoutError:
        process.kill()
        await process.wait()


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("FRONTDESK_", "HF_"))}

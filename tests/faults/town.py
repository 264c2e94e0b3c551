"""The driver's side of the lives: asks the forge for them, hears of their deaths, stops, continues and kills them."""

import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import socket
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from tests.faults.child import Life

BIRTH_S = 20.0


@dataclass
class Process:
    """One life as the driver sees it. `url` once it is up; `fired` once its fuse did."""

    life: Life
    pid: int = 0
    url: str | None = None
    status: int | None = None
    fired: asyncio.Event = field(default_factory=asyncio.Event)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: bool = False
    refused: str = ""

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have ended a moment ago
            os.kill(self.pid, number)

    def limit_files(self, size: int) -> None:
        """No file of the life may grow past `size` bytes from now on: as a full disk."""
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, hard))

    @property
    def serving(self) -> bool:
        return self.url is not None and not self.dead.is_set() and not self.stopped


class Town:
    """Where lives begin and end. Enter it as a context; leaving it kills whoever is left. `modules`: what lives need besides."""

    def __init__(self, folder: Path, *modules: str) -> None:
        self.folder = folder
        self._modules = modules
        self.report = str(folder / "report")
        self.living: dict[int, Process] = {}
        self.by_pid: dict[int, Process] = {}
        self.born = 0
        self._forge: asyncio.subprocess.Process
        self._hearing: asyncio.Task[None]
        self._socket: socket.socket

    async def __aenter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self.report)
        asyncio.get_running_loop().add_reader(self._socket, self._told)
        with (self.folder / "forge.log").open("ab") as log:
            pipe = asyncio.subprocess.PIPE
            self._forge = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.forge", *self._modules, stdin=pipe, stdout=pipe, stderr=log
            )
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        assert self._forge.stdin is not None
        self._forge.stdin.close()
        await self._forge.wait()
        self._hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._hearing

    def where(self, dice: random.Random) -> str | None:
        """The URL of some process that is up."""
        urls = [process.url for process in self.living.values() if process.serving]
        return dice.choice(urls) if urls else None

    async def bear(self, life: Life) -> Process:
        """A fresh process; returns when it is there, not when it is up."""
        process = self.living[life.number] = Process(life)
        assert self._forge.stdin is not None
        self._forge.stdin.write(json.dumps(asdict(life)).encode() + b"\n")
        self.born += 1
        async with asyncio.timeout(BIRTH_S):
            while not process.pid:
                await asyncio.sleep(0.002)
        return process

    async def kill(self, process: Process) -> None:
        process.signal(signal.SIGKILL)
        await process.dead.wait()

    def _told(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                number, what, *rest = self._socket.recv(4096).decode().split(" ", 2)
                process = self.living.get(int(number))
                if process is not None:
                    self._note(process, what, rest[0] if rest else "")

    def _note(self, process: Process, what: str, detail: str) -> None:
        if what == "up":
            process.url = f"http://127.0.0.1:{detail}"
            process.up.set()
        elif what == "fired":
            process.stopped = process.life.plan.act == "stop"
            process.fired.set()
        elif what == "refused":
            process.refused = detail

    async def _hear(self) -> None:
        assert self._forge.stdout is not None
        while line := await self._forge.stdout.readline():
            what, first, second = line.decode().split()
            if what == "born":
                self.living[int(first)].pid = int(second)
                self.by_pid[int(second)] = self.living[int(first)]
                continue
            process = self.by_pid.pop(int(first))
            self._told()  # what it said last is there by now
            process.status = int(second)
            self.living.pop(process.life.number, None)
            process.dead.set()

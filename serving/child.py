"""One engine process: started in a group of its own, fed its order, its words passed on, ended for certain."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence

from serving.order import EngineOrder

LONGEST_LINE = 64 * 1024
KEPT_LINES = 40


class Engine:
    """A running engine child. `stop` must be awaited, else its process group may outlive us."""

    def __init__(self, process: asyncio.subprocess.Process, say: Callable[[str], None]) -> None:
        self._process = process
        self._say = say
        self._tail: deque[str] = deque(maxlen=KEPT_LINES)
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, command: Sequence[str], order: EngineOrder, say: Callable[[str], None]) -> "Engine":
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=LONGEST_LINE,
        )
        engine = cls(process, say)
        assert process.stdin is not None
        process.stdin.write(order.to_line())
        with contextlib.suppress(ConnectionError):  # one that died at once is noticed by `ended`
            await process.stdin.drain()
        return engine

    @property
    def group(self) -> int:
        return self._process.pid

    @property
    def last_line(self) -> str:
        return self._tail[-1] if self._tail else ""

    @property
    def tail(self) -> str:
        return "\n".join(self._tail)

    async def ended(self) -> int:
        """The exit status, once the process is gone and its last words are read; negative: the signal."""
        status = await self._process.wait()
        self.kill()  # what it has started goes with it, and with that the reading below ends
        await asyncio.wait([self._reading], timeout=2)
        return status

    async def stop(self, grace_s: float) -> None:
        """SIGTERM, then SIGKILL to the whole group after `grace_s`; returns when the process is gone."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), grace_s)
        self.kill()
        await self._process.wait()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, signal.SIGKILL)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:
                continue  # longer than LONGEST_LINE: dropped, the stream goes on behind it
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if text:
                self._tail.append(text)
                self._say(text)

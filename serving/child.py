"""One process of the node: started in a group of its own, fed its order, its words passed on, ended for certain."""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence

LONGEST_LINE = 64 * 1024
KEPT_LINES = 40


class Child:
    """A running engine or router. `stop` must be awaited, else its process group may outlive us.

    Not asyncio's subprocess: that tells the end of a process only when its pipes have ended too, and what an engine
    has started holds them.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", words: asyncio.StreamReader, say: Callable[[str], None]) -> None:
        self._process = process
        self._words = words
        self._say = say
        self._tail: deque[str] = deque(maxlen=KEPT_LINES)
        self._reading = asyncio.create_task(self._read())
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # a thread of its own: the loop's pool has few, and each of many engines would hold one for all its life
        threading.Thread(target=self._await_exit, args=(asyncio.get_running_loop(),), daemon=True).start()

    @classmethod
    async def start(cls, command: Sequence[str], order: bytes, say: Callable[[str], None]) -> "Child":
        """`order`: the line that the process finds on its standard input."""
        process = launched(command, order)
        words = asyncio.StreamReader(limit=LONGEST_LINE)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), process.stdout)
        return cls(process, words, say)

    def _await_exit(self, loop: asyncio.AbstractEventLoop) -> None:
        status = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(self._exit.set_result, status)

    @property
    def group(self) -> int:
        return self._process.pid

    @property
    def tail(self) -> str:
        return "\n".join(self._tail)

    async def ended(self) -> int:
        """The exit status, once the process is gone and its last words are read; negative: the signal."""
        status = await asyncio.shield(self._exit)
        self.kill()  # what it has started goes with it, and with that the reading below ends
        await asyncio.wait([self._reading], timeout=2)
        return status

    async def stop(self, grace_s: float) -> int:
        """SIGTERM, then SIGKILL to the whole group after `grace_s`; returns the exit status when the process is gone."""
        if grace_s and not self._exit.done():
            self._process.terminate()
            await asyncio.wait([self._exit], timeout=grace_s)
        self.kill()
        status = await self.ended()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        return status

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, signal.SIGKILL)

    async def _read(self) -> None:
        while True:
            try:
                line = await self._words.readline()
            except ValueError:
                continue  # longer than LONGEST_LINE: dropped, the stream goes on behind it
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if text:
                self._tail.append(text)
                self._say(text)


def launched(command: Sequence[str], order: bytes) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(  # noqa: S603  # our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # one that died at once is noticed by `ended`
        process.stdin.write(order)
        process.stdin.flush()
    return process

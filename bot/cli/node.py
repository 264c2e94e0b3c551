"""The generation node as a child of `frontdesk run`: started with a key of its own, restarted when it dies, ended with us."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence

import structlog

from bot.errors import SettingsError

log = structlog.get_logger(__name__)

READY = re.compile(r"^serving ready (?P<url>\S+) model=(?P<model>\S+)")
WRONG_SETTING = 2
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
STOP_S = 10.0
LAST_LINES_S = 2.0
LINE_BYTES = 1_048_576


class NodeProcess:
    """A part that keeps one `python -m serving` alive.

    The node's stdout lines go to `say`, its ready line to `ready` (url, model); its logs are our stderr. `command` gets
    `--parent-fd N`: the reading end of a pipe that ends when this process does, however it dies.
    """

    name = "generation node"

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        say: Callable[[str], None],
        ready: Callable[[str, str], None],
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self._command = command
        self._environment = environment
        self._say = say
        self._ready = ready
        self._first_wait_s = first_wait_s
        self._was_ready = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep it alive until `stopping`. Raises SettingsError when the node says that its settings are wrong (exit 2)."""
        wait_s = self._first_wait_s
        while not stopping.is_set():
            self._was_ready = False
            code = await self._run_once(stopping)
            if stopping.is_set():
                return
            if code == WRONG_SETTING:
                raise SettingsError("the generation node cannot start; its own line above says what to set")
            wait_s = self._first_wait_s if self._was_ready else min(wait_s * 2, LONGEST_WAIT_S)
            log.warning("node.ended", code=code, again_s=wait_s)
            self._say(f"the generation node ended ({_told(code)}); starting it again in {wait_s:.0f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait_s)

    async def _run_once(self, stopping: asyncio.Event) -> int:
        reading, writing = os.pipe()
        try:
            node = await asyncio.create_subprocess_exec(
                *self._command,
                "--parent-fd",
                str(reading),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                env=dict(self._environment),
                pass_fds=[reading],
                limit=LINE_BYTES,
                start_new_session=True,  # Ctrl-C is ours to translate: an engine killed in mid-answer helps nobody
            )
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        try:
            return await self._attend(node, stopping)
        finally:
            os.close(writing)
            await _end(node)

    async def _attend(self, node: asyncio.subprocess.Process, stopping: asyncio.Event) -> int:
        """Relay its lines until it ends, or until we are told to stop; its exit code (0: it still runs)."""
        relaying = asyncio.create_task(self._relay(node))
        waiting = asyncio.create_task(stopping.wait())
        ended = asyncio.create_task(node.wait())
        try:
            await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():  # its last lines say why; an engine that is still dying may hold the pipe
                await asyncio.wait({relaying}, timeout=LAST_LINES_S)
        finally:
            for task in (relaying, waiting, ended):
                task.cancel()
            await asyncio.gather(relaying, waiting, ended, return_exceptions=True)
        return node.returncode or 0

    async def _relay(self, node: asyncio.subprocess.Process) -> None:
        assert node.stdout is not None, "we asked for a pipe"
        async for raw in node.stdout:
            line = raw.decode(errors="replace").rstrip()
            if found := READY.match(line):
                self._was_ready = True
                self._ready(found["url"], found["model"])
            elif line:
                self._say(line)


async def _end(node: asyncio.subprocess.Process) -> None:
    """Its pipe is closed already; ask, wait, and then insist."""
    for number, wait_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
        if node.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            node.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(node.wait(), wait_s)


def _told(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"

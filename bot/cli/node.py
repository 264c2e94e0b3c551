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

READY = re.compile(r"^serving ready (?P<url>\S+) model=(?P<model>.+)$")
WRONG_SETTING = 2
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
STOP_S = 10.0
LAST_LINES_S = 2.0
LINE_BYTES = 1_048_576
LINE_SHOWN = 300
OF_ITS_CHILDREN = re.compile(r"^(engine|replica \S+|the embedding engine|router): ")


class NodeProcess:
    """A part that keeps one `python -m serving` alive.

    The node's stdout lines go to `say`, its ready line to `ready` (url, model); its stderr goes to our log for debugging, and
    its own last line there is told when it ends. `command` gets `--parent-fd N`: the reading end of a pipe that ends when this
    process does, however it dies.
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
        self._last_words = ""

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep it alive until `stopping`. Raises SettingsError when the node says that its settings are wrong (exit 2)."""
        next_s = self._first_wait_s
        while not stopping.is_set():
            self._was_ready, self._last_words = False, ""
            code = await self._run_once(stopping)
            if stopping.is_set():
                return
            if code == WRONG_SETTING:
                raise SettingsError(self._last_words or "the generation node refuses its settings")
            wait_s = self._first_wait_s if self._was_ready else next_s
            next_s = min(wait_s * 2, LONGEST_WAIT_S)
            log.warning("node.ended", code=code, again_s=wait_s)
            self._say(f"the generation node ended ({self._last_words or _told(code)}); starting it again in {wait_s:.0f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait_s)

    async def _run_once(self, stopping: asyncio.Event) -> int:
        reading, writing = os.pipe()
        try:
            return await self._attend(await self._started(reading), stopping)
        finally:
            os.close(writing)

    async def _started(self, reading: int) -> asyncio.subprocess.Process:
        """The node, holding the reading end of the pipe that ends with us."""
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                "--parent-fd",
                str(reading),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(self._environment),
                pass_fds=[reading],
                limit=LINE_BYTES,
                start_new_session=True,  # Ctrl-C is ours to translate: an engine killed in mid-answer helps nobody
            )
        finally:
            os.close(reading)

    async def _attend(self, node: asyncio.subprocess.Process, stopping: asyncio.Event) -> int:
        """Relay its lines until it ends, or until we are told to stop; its exit code (0: it still runs)."""
        relaying = asyncio.gather(_lines(node.stdout, self._relay), _lines(node.stderr, self._note))
        waiting = asyncio.create_task(stopping.wait())
        ended = asyncio.create_task(node.wait())
        try:
            await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():  # its last lines say why; an engine that is still dying may hold the pipe
                await asyncio.wait({relaying}, timeout=LAST_LINES_S)
            else:
                await _end(node)
        finally:
            for task in (relaying, waiting, ended):
                task.cancel()
            await asyncio.gather(relaying, waiting, ended, return_exceptions=True)
        return node.returncode or 0

    def _relay(self, line: str) -> None:
        if found := READY.match(line):
            self._was_ready = True
            self._ready(found["url"], found["model"])
        else:
            self._say(line)

    def _note(self, line: str) -> None:
        if not OF_ITS_CHILDREN.match(line):  # a warning of an engine is no reason for the node's end
            self._last_words = line[:LINE_SHOWN]
        log.debug("node.said", line=line)


async def _lines(stream: asyncio.StreamReader | None, take: Callable[[str], None]) -> None:
    """Hand over each line that is not blank, until the stream ends."""
    assert stream is not None, "we asked for a pipe"
    while True:
        try:
            raw = await stream.readline()
        except ValueError:  # longer than LINE_BYTES: dropped, since a full pipe would stop the node
            continue
        if not raw:
            return
        if line := raw.decode(errors="replace").rstrip():
            take(line)


async def _end(node: asyncio.subprocess.Process) -> None:
    """Ask, wait, and then insist."""
    for number, wait_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
        if node.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            node.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(node.wait(), wait_s)


def _told(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"

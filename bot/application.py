"""Runs the parts of a process together and stops them in order: claimers first, then senders, then what serves them."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from bot.errors import FrontdeskError

log = structlog.get_logger(__name__)

# seconds: with those for what must be cut short and five for the database to close, the twenty that operators are promised
DRAIN_S = 13.0
ABORT_S = 1.0


class Part(Protocol):
    """One running part. `run` returns soon after `stopping` is set; before that it has no reason to return."""

    @property
    def name(self) -> str: ...

    async def run(self, stopping: asyncio.Event) -> None: ...


class Cancellable(Protocol):
    """Something that runs until it is cancelled: an adapter."""

    async def run(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """Parts that stop together, and how many seconds they may take before they are cancelled."""

    parts: Sequence[Part]
    bound_s: float


class PartFailed(FrontdeskError):
    """A part ended that should run for ever; the process cannot go on. The log holds the trace."""


class Receiving:
    """An adapter as a part: cancelled when the process stops."""

    def __init__(self, name: str, adapter: Cancellable) -> None:
        self.name = name
        self._adapter = adapter

    async def run(self, stopping: asyncio.Event) -> None:
        running = asyncio.create_task(self._adapter.run(), name=self.name)
        waiting = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end({waiting})
            ended = running.done()
            await _end({running})
        if ended:
            running.result()


class Application:
    """Starts every part at once; stops stage by stage, in the order given. A second signal ends all at once.

    `within_s` bounds all stages together: what is not done by then is cut short.
    """

    def __init__(self, stages: Sequence[Stage], *, within_s: float = DRAIN_S) -> None:
        self._stages = stages
        self._within_s = within_s
        self._stop = asyncio.Event()
        self._abort = asyncio.Event()

    def stop(self) -> None:
        """Drain and end; called again: end now."""
        (self._abort if self._stop.is_set() else self._stop).set()

    async def run(self, *, up: Callable[[], None] = lambda: None) -> None:
        """Run until a signal or `stop`. `up` is called once a signal drains instead of killing.

        Raises PartFailed when a part ended by itself; the others were drained first.
        """
        running = [_Running(stage) for stage in self._stages]
        tasks = {task for stage in running for task in stage.tasks}
        waiting = asyncio.create_task(self._stop.wait())
        with self._signals():
            try:
                up()
                await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
                ended = [task for task in tasks if task.done()]
                self._stop.set()
                log.info("stopping")
                until = asyncio.get_running_loop().time() + self._within_s
                for stage in running:
                    await self._drain(stage, until)
            finally:
                await _end({waiting, *tasks})
        _raise_first(ended or [task for task in tasks if task.done() and not task.cancelled() and task.exception()])

    async def _drain(self, stage: "_Running", until: float) -> None:
        bound_s = max(0.0, min(stage.bound_s, until - asyncio.get_running_loop().time()))
        stage.stopping.set()
        aborted = asyncio.create_task(self._abort.wait())
        everything = asyncio.gather(*stage.tasks, return_exceptions=True)
        either: set[asyncio.Future[Any]] = {everything, aborted}
        try:
            await asyncio.wait(either, timeout=bound_s, return_when=asyncio.FIRST_COMPLETED)
            if late := [task.get_name() for task in stage.tasks if not task.done()]:
                log.warning("cut_short", parts=",".join(late), after_s=round(bound_s, 1))
        finally:
            await _end({aborted, *stage.tasks})

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


class _Running:
    """A stage's tasks and the event that stops them."""

    def __init__(self, stage: Stage) -> None:
        self.stopping = asyncio.Event()
        self.bound_s = stage.bound_s
        self.tasks = [asyncio.create_task(part.run(self.stopping), name=part.name) for part in stage.parts]


async def _end(tasks: set[asyncio.Task[bool] | asyncio.Task[None]]) -> None:
    """Cancel what still runs and wait for it, a moment at most."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=ABORT_S)


def _raise_first(ended: Sequence[asyncio.Task[None]]) -> None:
    for task in ended:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, FrontdeskError):  # its sentence says what to do
            raise error
        log.error("part_failed", part=task.get_name(), exc_info=error)
        reason = f" ({type(error).__name__}); the log says why" if error else ""
        raise PartFailed(f"{task.get_name()} ended by itself{reason}") from error

"""Runs jobs: claims those that are due, a few at once, hands each to the handler of its kind, tries again with backoff."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import structlog

from bot.errors import GenerationError, StoreUnavailable
from bot.store import jobs
from bot.store.bulletin import Topic
from bot.store.jobs import Job
from bot.store.store import Store

Handler = Callable[[Job], Awaitable[None]]
LEASE_S = 120.0
POLL_S = 2.0
AT_ONCE = 2
MOST_ATTEMPTS = 8
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 300.0
log = structlog.get_logger()


class Jobs:
    """A handler finishes its job in the unit that stores its work; one that raises is tried again, eight times at most."""

    name = "jobs"

    def __init__(self, store: Store, handlers: Mapping[str, Handler]) -> None:
        self._store = store
        self._handlers = handlers
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Claim and run until `stopping`; what runs then is ended, its lease runs out, and it is run again later."""
        with self._store.bulletin.listen(Topic.JOB, None, lambda _: self._wake.set()):
            async with asyncio.TaskGroup() as tasks:
                while not stopping.is_set():
                    self._wake.clear()
                    await self._claim(tasks)
                    await self._pause(stopping)
                for task in self._running:
                    task.cancel()

    async def _claim(self, tasks: asyncio.TaskGroup) -> None:
        room = AT_ONCE - len(self._running)
        if room <= 0:
            return
        try:
            found = await self._store.write(jobs.claim, self._store.process_id, lease_s=LEASE_S, room=room)
        except StoreUnavailable as error:
            log.warning("jobs.store_unavailable", error=str(error))
            return
        for job in found:
            task = tasks.create_task(self._do(job))
            self._running.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _pause(self, stopping: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self._wake, stopping)]
        try:
            await asyncio.wait(waits, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _do(self, job: Job) -> None:
        try:
            async with asyncio.timeout(LEASE_S * 0.8):  # never outlive the lease
                await self._handlers[job.kind](job)
        except (GenerationError, StoreUnavailable, TimeoutError) as error:
            await self._again(job, error)
        except Exception as error:  # named boundary: one job's failure must not stop the others
            log.exception("jobs.failed", kind=job.kind, job=job.job_id)
            await self._again(job, error)

    async def _again(self, job: Job, error: BaseException) -> None:
        log.warning("jobs.again", kind=job.kind, job=job.job_id, attempt=job.attempts, error=type(error).__name__)
        with contextlib.suppress(StoreUnavailable):
            if job.attempts >= MOST_ATTEMPTS:
                await self._store.write(jobs.finish, job, self._store.process_id)
            else:
                wait_s = min(FIRST_WAIT_S * 2.0 ** (job.attempts - 1), LONGEST_WAIT_S)
                process, reason = self._store.process_id, type(error).__name__
                await self._store.write(jobs.postpone, job, process, wait_s=wait_s, error=reason)

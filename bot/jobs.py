"""Runs jobs: claims those that are due, a few at once, hands each to the handler of its kind, tries again with backoff."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog

from bot.conversation.counters import Counters
from bot.errors import NodeBusy, NodeTooSlow
from bot.rounds import go_round, guarded
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
    """A handler finishes its job in the unit that stores its work; one that raises is tried again, eight times at most. What a
    full node refuses was not tried.
    """

    name = "jobs"

    def __init__(self, store: Store, handlers: Mapping[str, Handler], counters: Counters) -> None:
        self._store = store
        self._handlers = handlers
        self._counters = counters
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Claim and run until `stopping`; what runs then is ended, its lease runs out, and it is run again later."""
        with self._store.bulletin.listen(Topic.JOB, None, lambda _: self._wake.set()):
            async with asyncio.TaskGroup() as tasks:
                step = partial(self._claim, tasks)
                await go_round(self.name, self._counters, step, every_s=POLL_S, stopping=stopping, wake=self._wake)
                for task in self._running:
                    task.cancel()

    async def _claim(self, tasks: asyncio.TaskGroup) -> None:
        room = AT_ONCE - len(self._running)
        if room <= 0:
            return
        for job in await self._store.write(jobs.claim, self._store.process_id, lease_s=LEASE_S, room=room):
            task = tasks.create_task(self._do(job))
            self._running.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _do(self, job: Job) -> None:
        outcome = await guarded(self.name, self._counters, self._handle(job), kind=job.kind, job=job.job_id)
        if isinstance(outcome, Exception):
            await guarded(self.name, self._counters, self._again(job, outcome))
        else:
            self._counters.count("jobs", job.kind, "done")

    async def _handle(self, job: Job) -> None:
        try:
            async with asyncio.timeout(LEASE_S * 0.8):  # never outlive the lease
                await self._handlers[job.kind](job)
        except TimeoutError as error:
            raise NodeTooSlow(f"the job {job.kind} was not done in time", phase="total") from error

    async def _again(self, job: Job, error: Exception) -> None:
        reason, process = type(error).__name__, self._store.process_id
        if isinstance(error, NodeBusy):
            log.debug("jobs.node_full", kind=job.kind, job=job.job_id)
            self._counters.count("jobs", job.kind, "node_full")
            wait_s = busy_wait_s(error, random.random())  # noqa: S311  spreads retries, guards nothing
            await self._store.write(jobs.postpone, job, process, wait_s=wait_s, error=reason, tried=False)
            return
        log.warning("jobs.again", kind=job.kind, job=job.job_id, attempt=job.attempts, error=reason)
        last = job.attempts >= MOST_ATTEMPTS
        self._counters.count("jobs", job.kind, "given_up" if last else "again")
        if last:
            await self._store.write(jobs.finish, job, process)
        else:
            wait_s = min(FIRST_WAIT_S * 2.0 ** (job.attempts - 1), LONGEST_WAIT_S)
            await self._store.write(jobs.postpone, job, process, wait_s=wait_s, error=reason)


def busy_wait_s(busy: NodeBusy, chance: float) -> float:
    """What the node said, and up to as long again, so that processes whose jobs it refused together do not come back together."""
    return min(max(busy.retry_after_s, FIRST_WAIT_S) * (1 + chance), LONGEST_WAIT_S)

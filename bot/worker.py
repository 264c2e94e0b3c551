"""Claims due conversations and has each answered, a bounded number at once; keeps their leases; hears who ends them early."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

import structlog

from bot.conversation import retrying
from bot.conversation.answering import Answering
from bot.conversation.claiming import OpenQuestion, take_due
from bot.conversation.counters import Counters
from bot.conversation.manager import Manager
from bot.errors import GenerationError, StoreUnavailable, Superseded
from bot.store import conversations
from bot.store.bulletin import Topic
from bot.store.ids import ConversationId
from bot.store.store import Store

POLL_S = 1.0
GROUP = 32
log = structlog.get_logger()


class Worker:
    """`routes()` names what this process may answer: "" for pull channels, and each push account it holds."""

    name = "worker"

    def __init__(
        self,
        store: Store,
        manager: Manager,
        counters: Counters,
        routes: Callable[[], Sequence[str]],
        *,
        lease_s: float,
        max_concurrent: int,
        interruptible: bool,
        drain_s: float = 10.0,
    ) -> None:
        self._store = store
        self._manager = manager
        self._counters = counters
        self._routes = routes
        self._lease_s = lease_s
        self._max_concurrent = max_concurrent
        self._interruptible = interruptible
        self._drain_s = drain_s
        self._running: dict[ConversationId, Answering] = {}
        self._wake = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Answers being made here now."""
        return len(self._running)

    def shows(self, conversation_id: ConversationId) -> bool:
        """Whether text of an answer to this conversation is on show from here."""
        answering = self._running.get(conversation_id)
        return answering is not None and bool(answering.shown)

    async def run(self, stopping: asyncio.Event) -> None:
        """Claim and answer until `stopping`; then finish what runs within the drain bound and give the rest back."""
        listen = self._store.bulletin.listen
        with (
            listen(Topic.DUE, None, lambda _: self._wake.set()),
            listen(Topic.SUPERSEDED, None, self._superseded),
            listen(Topic.MESSAGE, None, self._message_came),
        ):
            async with asyncio.TaskGroup() as tasks:
                leases = tasks.create_task(self._keep_leases())
                waker = tasks.create_task(self._wake_on(stopping))
                await self._claim_until(stopping, tasks)
                await self._drain()
                leases.cancel()
                waker.cancel()

    async def _claim_until(self, stopping: asyncio.Event, tasks: asyncio.TaskGroup) -> None:
        while not stopping.is_set():
            self._wake.clear()
            claimed = 0
            try:
                for route in self._routes():
                    claimed += await self._claim(route, tasks)
            except StoreUnavailable as error:
                log.warning("worker.store_unavailable", error=str(error))
            if claimed == 0 or len(self._running) >= self._max_concurrent:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()

    async def _claim(self, route: str, tasks: asyncio.TaskGroup) -> int:
        room = min(self._max_concurrent - len(self._running), GROUP)
        if room <= 0:
            return 0
        process, memory = self._store.process_id, self._manager.memory
        found = await self._store.write(take_due, memory, route, process, lease_s=self._lease_s, room=room)
        for question in found:
            answering = Answering(question, interruptible=self._interruptible)
            earlier = self._running.get(question.claim.conversation_id)
            if earlier is not None:  # our own lease ran out (a suspended machine): the newer claim has the epoch
                earlier.supersede()
            self._running[question.claim.conversation_id] = answering
            tasks.create_task(self._answer(answering))
        return len(found)

    async def _answer(self, answering: Answering) -> None:
        conversation_id = answering.question.claim.conversation_id
        try:
            again_s = await self._manager.answer(answering)
        except Superseded:
            log.info("worker.superseded", conversation=conversation_id)
            again_s = 0.0
        except GenerationError as error:
            again_s = await self._give_back(answering, error)
        except StoreUnavailable as error:  # the lease ends by itself, then another try stores it
            log.warning("worker.answer_not_stored", conversation=conversation_id, error=str(error))
            again_s = self._lease_s
        except Exception as error:  # named boundary: one conversation's failure must not stop the others
            log.exception("worker.failed", conversation=conversation_id)
            again_s = await self._give_back(answering, error)
        finally:
            if self._running.get(conversation_id) is answering:
                del self._running[conversation_id]
            self._wake.set()
        if again_s is not None:
            asyncio.get_running_loop().call_later(again_s, self._wake.set)

    async def _give_back(self, answering: Answering, error: Exception) -> float:
        """No whole answer: nothing is stored, the question stays due."""
        claim = answering.question.claim
        wait_s = retrying.wait_s(error, claim.attempts, random.random())  # noqa: S311  spreads retries, guards nothing
        log.warning("worker.no_answer", conversation=claim.conversation_id, attempt=claim.attempts, error=str(error))
        self._counters.count("generation", type(error).__name__)
        with contextlib.suppress(StoreUnavailable):
            await self._manager.give_up(answering, error)
            await self._store.write(conversations.release, claim, wait_s=wait_s, reason="retry")
        return wait_s

    async def _keep_leases(self) -> None:
        """Renew what runs here three times a lease; learn late what a lost wake-up did not tell."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            before = dict(self._running)
            if not before:
                continue
            held = [(one.question.claim.workspace_id, conversation_id) for conversation_id, one in before.items()]
            try:
                kept = await self._store.write(conversations.renew, held, self._store.process_id, lease_s=self._lease_s)
            except StoreUnavailable:
                continue
            for conversation_id, answering in before.items():
                self._compare(answering, answering.question, kept.get(conversation_id))

    def _compare(self, answering: Answering, question: OpenQuestion, kept: tuple[int, int] | None) -> None:
        if answering.question is not question or self._running.get(question.claim.conversation_id) is not answering:
            return  # it moved on while we asked
        if kept is None or kept[0] > question.claim.epoch:
            answering.supersede()
        elif kept[1] > question.asked_through:
            answering.message_came()

    def _superseded(self, key: str) -> None:
        answering = self._running.get(ConversationId(key))
        if answering is not None:
            answering.supersede()

    def _message_came(self, key: str) -> None:
        answering = self._running.get(ConversationId(key))
        if answering is not None:
            answering.message_came()

    async def _wake_on(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._wake.set()

    async def _drain(self) -> None:
        """Let running answers finish; what does not in time is given back at once, so that another process goes on."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain_s):
                while self._running:
                    self._wake.clear()
                    await self._wake.wait()
        for answering in list(self._running.values()):
            with contextlib.suppress(StoreUnavailable):
                await self._store.write(conversations.release, answering.question.claim, wait_s=0.0, reason="takeover")
            answering.supersede()

"""Claims due conversations and has as many answered at once as the node takes; keeps leases; hears who ends them early."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection, Sequence
from functools import partial

import structlog

from bot.conversation import retrying
from bot.conversation.answering import Answering
from bot.conversation.claiming import OpenQuestion, take_due
from bot.conversation.counters import Counters
from bot.conversation.manager import Manager
from bot.conversation.storing import give_back
from bot.errors import GenerationError, NodeBusy, StoreUnavailable, Superseded
from bot.generation.tide import Tide
from bot.rounds import go_round, guarded
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
        tide: Tide,
        *,
        lease_s: float,
        interruptible: bool,
        drain_s: float = 10.0,
    ) -> None:
        self._store = store
        self._manager = manager
        self._counters = counters
        self._routes = routes
        self._lease_s = lease_s
        self._tide = tide
        self._interruptible = interruptible
        self._drain_s = drain_s
        self._running: dict[ConversationId, Answering] = {}
        self._looks = 0
        self._wake = asyncio.Event()
        self._doubt = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Answers being made here now."""
        return len(self._running)

    def shown(self) -> Collection[ConversationId]:
        """The conversations for which text of an answer is on show from here."""
        return [conversation_id for conversation_id, answering in self._running.items() if answering.shown]

    async def run(self, stopping: asyncio.Event) -> None:
        """Claim and answer until `stopping`; then finish what runs within the drain bound and give the rest back."""
        listen, never = self._store.bulletin.listen, asyncio.Event()
        loop = partial(go_round, self.name, self._counters)
        with (
            listen(Topic.DUE, None, lambda _: self._wake.set()),
            listen(Topic.SUPERSEDED, None, self._superseded),
            listen(Topic.MESSAGE, None, self._message_came),
        ):
            async with asyncio.TaskGroup() as tasks:
                renewing = loop(self._renew, every_s=self._lease_s / 3, stopping=never, wake=self._doubt)
                leases = tasks.create_task(renewing)
                await loop(partial(self._look, tasks), every_s=POLL_S, stopping=stopping, wake=self._wake)
                await self._drain()
                leases.cancel()

    async def _look(self, tasks: asyncio.TaskGroup) -> bool:
        """Claim what is due; True when there may be more. Each look begins with another route: where more is due than there is
        room for, no account waits until another has nothing left.
        """
        claimed, routes = 0, self._routes()
        self._looks += 1
        for turn in range(len(routes)):
            claimed += await self._claim(routes[(self._looks + turn) % len(routes)], tasks)
        return claimed > 0 and self._tide.room() > 0

    async def _claim(self, route: str, tasks: asyncio.TaskGroup) -> int:
        room = min(self._tide.room(), GROUP)
        if room <= 0:
            return 0
        process, memory = self._store.process_id, self._manager.memory
        found = await self._store.write(take_due, memory, route, process, lease_s=self._lease_s, room=room)
        for question in found:
            answering = Answering(question, self._tide.begin(), interruptible=self._interruptible)
            earlier = self._running.get(question.claim.conversation_id)
            if earlier is not None:  # our own lease ran out (a suspended machine): the newer claim has the epoch
                earlier.supersede()
            self._running[question.claim.conversation_id] = answering
            tasks.create_task(self._answer(answering))
        return len(found)

    async def _answer(self, answering: Answering) -> None:
        conversation_id = answering.question.claim.conversation_id
        work = self._manager.answer(answering)
        outcome = await guarded(self.name, self._counters, work, conversation=conversation_id)
        again_s = await self._after(answering, outcome) if isinstance(outcome, Exception) else outcome
        if self._running.get(conversation_id) is answering:
            del self._running[conversation_id]
        self._tide.end()
        self._wake.set()
        if again_s is not None:
            asyncio.get_running_loop().call_later(self._tide.pause_s or again_s, self._wake.set)

    async def _after(self, answering: Answering, error: Exception) -> float:
        """No answer was stored: seconds until the conversation may be claimed again."""
        claim = answering.question.claim
        match error:
            case Superseded():
                log.info("worker.superseded", conversation=claim.conversation_id)
                return 0.0
            case StoreUnavailable():  # the lease ends by itself, then another try stores it
                log.warning("worker.answer_not_stored", conversation=claim.conversation_id, error=str(error))
                return self._lease_s
        if isinstance(error, NodeBusy):
            log.debug("worker.node_full", conversation=claim.conversation_id, error=str(error))
            self._counters.count("generation", type(error).__name__)
        elif isinstance(error, GenerationError):
            # the first try of an outage is news, and then every tenth
            say = log.warning if claim.attempts % 10 == 1 else log.debug
            say("worker.no_answer", conversation=claim.conversation_id, attempt=claim.attempts, error=str(error))
            self._counters.count("generation", type(error).__name__)
        wait_s = retrying.wait_s(error, claim.attempts, random.random())  # noqa: S311  spreads retries, guards nothing
        await guarded(self.name, self._counters, self._give_back(answering, error, wait_s))
        return wait_s

    async def _give_back(self, answering: Answering, error: Exception, wait_s: float) -> None:
        """No whole answer: the question stays due. A node that is full has not tried it."""
        await self._manager.give_up(answering, error)
        tried = not isinstance(error, NodeBusy)
        await self._store.write(give_back, answering.question, wait_s=wait_s, reason="retry", tried=tried)

    async def _renew(self) -> None:
        """Renew what runs here three times a lease, and when an epoch may have moved: a late or lost wake-up does no harm."""
        before = dict(self._running)
        if not before:
            return
        held = [(one.question.claim.workspace_id, conversation_id) for conversation_id, one in before.items()]
        questions = {conversation_id: one.question for conversation_id, one in before.items()}
        kept = await self._store.write(conversations.renew, held, self._store.process_id, lease_s=self._lease_s)
        for conversation_id, answering in before.items():
            self._compare(answering, questions[conversation_id], kept.get(conversation_id))

    def _compare(self, answering: Answering, question: OpenQuestion, kept: tuple[int, int] | None) -> None:
        if answering.question is not question or self._running.get(question.claim.conversation_id) is not answering:
            return  # it moved on while we asked
        if kept is None or kept[0] > question.claim.epoch:
            answering.supersede()
        elif kept[1] > question.asked_through:
            answering.message_came()

    def _superseded(self, key: str) -> None:
        """Perhaps: the notice may be of an earlier epoch, so the database is asked."""
        if ConversationId(key) in self._running:
            self._doubt.set()

    def _message_came(self, key: str) -> None:
        answering = self._running.get(ConversationId(key))
        if answering is not None:
            answering.message_came()

    async def _drain(self) -> None:
        """Let running answers finish; what does not in time is given back at once, so that another process goes on."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain_s):
                while self._running:
                    self._wake.clear()
                    await self._wake.wait()
        for answering in list(self._running.values()):
            released = self._store.write(give_back, answering.question, wait_s=0.0, reason="takeover", tried=False)
            await guarded(self.name, self._counters, released)
            answering.supersede()

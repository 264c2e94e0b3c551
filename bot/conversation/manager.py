"""Answers one open question: build the window, generate, decide, store. Meanwhile no transaction is open."""

import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.conversation import reply, retrying, tracing
from bot.conversation.answering import Answering
from bot.conversation.claiming import OpenQuestion, take_interrupted
from bot.conversation.contents import Contents
from bot.conversation.counters import Counters
from bot.conversation.fetching import Fetching, with_files
from bot.conversation.fitting import Fitted, Fitting
from bot.conversation.memory import Memory
from bot.conversation.storing import SUMMARISE, Finished, drop_preview, store_answer, store_stopped
from bot.conversation.window import ROLLOVER_AT
from bot.errors import NodeGarbled, NodeRefused, NodeUnavailable, Superseded
from bot.events import ChannelAddress
from bot.generation.client import GenerationClient
from bot.generation.node import Node
from bot.generation.request import Draft, GenerationRequest, NodeProfile
from bot.generation.tide import Tide
from bot.ports import Previews, PreviewTarget
from bot.store.bulletin import Topic
from bot.store.conversations import Claim, WindowState
from bot.store.store import Store

ENDLESS = 200_000
TOO_LONG = {400, 413, 422}


@dataclass(frozen=True, slots=True)
class Voice:
    """How answers are made: temperature, and seconds a follow-up waits for more of its burst."""

    temperature: float
    debounce_s: float


Signer = Callable[[str, str], str]
Splitter = Callable[[ChannelAddress, str], tuple[str, ...]]


class Manager:
    """`sign(purpose, text)` gives a hex HMAC; `split(address, text)` the physical messages of a push channel."""

    def __init__(
        self,
        store: Store,
        client: GenerationClient,
        node: Node,
        tide: Tide,
        fitting: Fitting,
        contents: Contents,
        fetching: Fetching,
        previews: Previews,
        voice: Voice,
        sign: Signer,
        split: Splitter,
        counters: Counters,
    ) -> None:
        self._store = store
        self._client = client
        self._node = node
        self._tide = tide
        self._fitting = fitting
        self._contents = contents
        self._fetching = fetching
        self._previews = previews
        self._voice = voice
        self._sign = sign
        self._split = split
        self._counters = counters
        self.memory = Memory()

    async def answer(self, answering: Answering) -> float | None:
        """Answer, again from the start at each interrupt; seconds until more is due there, None when nothing is.

        Raises a GenerationError when the node gave no whole answer, Superseded when the epoch moved on: then nothing was
        stored, but for what a stop keeps.
        """
        while True:
            try:
                return await self._attempt_again(answering) if answering.interrupted else await self._attempt(answering)
            except TimeoutError:
                self._counters.count("generation", "abandoned")
                if answering.superseded:
                    await self._end(answering)
                    raise Superseded("stopped, or another conversation began") from None
                assert answering.interrupted, "only supersede and interrupt end the scope"
            except Superseded:  # between two steps: the whole answer was on its way into the store, or an interrupt
                await self._end(answering)
                raise

    async def _attempt_again(self, answering: Answering) -> float | None:
        """After an interrupt: with what was written since, at a new epoch."""
        self._counters.count("superseded", "interrupt")
        answering.begin_again(await self._store.write(take_interrupted, answering.question))
        return await self._attempt(answering)

    async def _attempt(self, answering: Answering) -> float | None:
        question, claim = answering.question, answering.question.claim
        started = time.monotonic()
        async with answering.scope():
            content, address = await self._contents.of(claim)
            profile = await self._node.profile(content.model)
            if with_files(question):
                self._previews.show(_target(answering, address, None), answering.shown)
                question = await self._fetching.read(question, address)
            key = f"{profile.model}:{content.prompt_version}"
            fitted = await self._fitting.fit(question, content.prompt, key, profile)
            try:
                draft = await self._generate(answering, fitted, profile, address)
            except NodeRefused as refused:
                fitted = await self._smaller(question, content.prompt, key, profile, fitted, refused)
                draft = await self._generate(answering, fitted, profile, address)
            answering.close_scope()
        target = _target(answering, address, fitted)
        answer = reply.decide(draft)
        tokens = tracing.window_tokens(draft.usage, fitted, answer.text)
        trace = tracing.trace(profile, content, claim.attempts, draft, fitted)
        folded = fitted.window.fold
        finished = Finished(
            question=question,
            text=answer.text,
            parts=self._split(address, answer.text) if question.lane is not None else (answer.text,),
            through=fitted.window.through,
            window=WindowState(folded.seq if folded is not None else 0, tokens, key),
            trace=trace,
            model_texts=fitted.model_texts,
            cut=fitted.cut,
            summarise=tokens >= self._fitting.budget(profile) * ROLLOVER_AT,
        )
        more = await self._store.write(store_answer, finished, wait_s=self._voice.debounce_s)
        self._remember(question, fitted)
        self._told(answering, target)
        if finished.summarise:
            self._store.bulletin.post(Topic.JOB, SUMMARISE)
        tracing.count(self._counters, trace, time.monotonic() - started)
        return self._voice.debounce_s if more else None

    def _request(self, claim: Claim, fitted: Fitted, queue_ms: int) -> GenerationRequest:
        return GenerationRequest(
            fitted.window.messages,
            salt=self._sign("cache_salt", claim.workspace_id),
            route=self._sign("route", f"{claim.workspace_id}:{claim.conversation_id}"),
            max_tokens=fitted.max_tokens,
            temperature=self._voice.temperature,
            priority=retrying.priority(claim.attempts, queue_ms / 1000),
        )

    async def _smaller(
        self, question: OpenQuestion, prompt: str, key: str, profile: NodeProfile, tried: Fitted, error: NodeRefused
    ) -> Fitted:
        """Half the prompt, for a server that cannot count and may have found it too long; the error where that cannot be it."""
        if profile.exact or error.status not in TOO_LONG:
            raise error
        smaller = await self._fitting.fit(question, prompt, key, profile, share=0.5)
        if smaller.window == tried.window:
            raise error
        return smaller

    async def _generate(self, answering: Answering, fitted: Fitted, profile: NodeProfile, address: ChannelAddress) -> Draft:
        """The whole answer, shown while it grows."""
        claim, target = answering.question.claim, _target(answering, address, fitted)
        queue_ms = max(int((datetime.now(UTC) - claim.due_since).total_seconds() * 1000), 0)
        request = self._request(claim, fitted, queue_ms)
        started = time.monotonic()
        text, reason, model, usage, node_queue_ms, first = "", "", "", None, None, None
        self._previews.show(target, answering.shown)
        with self._tide.asking(claim.conversation_id, answering.number) as asked:
            async with self._client.stream(request, profile) as deltas, aclosing(deltas):
                async for delta in deltas:
                    reason, usage, model = delta.finish_reason or reason, delta.usage or usage, delta.model or model
                    if delta.node_queue_ms is not None:
                        node_queue_ms = delta.node_queue_ms
                        self._tide.told(asked, node_queue_ms / 1000)
                    if not delta.text:
                        continue
                    if first is None:
                        first = time.monotonic()
                        self._tide.admitted(asked)
                    text += delta.text
                    answering.shown = text.lstrip()
                    self._previews.show(target, answering.shown)
                    if len(text) > ENDLESS:
                        raise NodeGarbled("the node's answer does not end")
        first_ms = int((first - started) * 1000) if first is not None else None
        total_ms = int((time.monotonic() - started) * 1000)
        return Draft(text, reason, usage, first_ms, total_ms, model, queue_ms, node_queue_ms)

    def _remember(self, question: OpenQuestion, fitted: Fitted) -> None:
        conversation_id = question.claim.conversation_id
        if fitted.broken or fitted.model_texts:  # what is stored now is not what was read
            self.memory.forget(conversation_id)
        else:
            self.memory.keep(conversation_id, question.fold, question.turns, fitted.window.through)

    async def _end(self, answering: Answering) -> None:
        """The epoch moved on: keep what a stop keeps, take the preview away."""
        question, shown = answering.question, reply.clean(answering.shown)
        _, address = await self._contents.of(question.claim)
        parts = self._split(address, shown) if question.lane is not None and shown else (shown,)
        kept = await self._store.write(store_stopped, question, question.asked_through, shown, parts)
        if not kept and question.lane is not None:
            await self._store.write(drop_preview, question)
        self._told(answering, _target(answering, address, None))
        self._counters.count("superseded", "stop" if kept else "epoch")
        if kept:
            self._counters.count("turns", "bot")

    async def give_up(self, answering: Answering, error: Exception) -> None:
        """No answer this time: nothing more is shown of it until the next try. A node that was away is asked anew what it is."""
        if isinstance(error, NodeUnavailable | NodeRefused):
            self._node.forget()
        _, address = await self._contents.of(answering.question.claim)
        self._previews.gone(_target(answering, address, None))

    def _told(self, answering: Answering, target: PreviewTarget) -> None:
        claim = answering.question.claim
        self._store.bulletin.post(Topic.DIALOGUE, claim.address_id)
        if answering.question.lane is not None:
            self._store.bulletin.post(Topic.OUTBOX, answering.question.lane.account_id)
        self._previews.gone(target)


def _target(answering: Answering, address: ChannelAddress, fitted: Fitted | None) -> PreviewTarget:
    question = answering.question
    return PreviewTarget(
        workspace_id=question.claim.workspace_id,
        account_id=question.lane.account_id if question.lane is not None else "",
        address_id=question.claim.address_id,
        address=address,
        outbox_id=question.outbox_id,
        in_reply_to=fitted.window.through if fitted is not None else question.asked_through,
        epoch=question.claim.epoch,
    )

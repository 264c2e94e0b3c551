"""Summarises a conversation ahead of its roll-over, in the background, so that no customer ever waits for it.

The request extends the conversation's own prompt by one instruction: the node finds all of it in its prefix cache.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.conversation import summary
from bot.conversation.fitting import RESERVE, Fitting
from bot.conversation.manager import Signer
from bot.generation.client import GenerationClient
from bot.generation.node import Node
from bot.generation.request import BACKGROUND, GenerationRequest
from bot.store import jobs, summaries, turns, workspaces
from bot.store.ids import ConversationId, ProcessId, WorkspaceId
from bot.store.jobs import Job
from bot.store.store import Store
from bot.store.summaries import Fold
from bot.store.turns import WindowTurn


@dataclass(frozen=True, slots=True)
class _Source:
    """A conversation as it stands: its prompt's parts, through the newest answer."""

    prompt: str
    model: str
    fold: Fold | None
    turns: tuple[WindowTurn, ...]


class Rollover:
    """The job `summarise`; its subject is the conversation's id."""

    def __init__(self, store: Store, client: GenerationClient, node: Node, fitting: Fitting, sign: Signer) -> None:
        self._store = store
        self._client = client
        self._node = node
        self._fitting = fitting
        self._sign = sign

    async def run_job(self, job: Job) -> None:
        """Summarise through the newest answer and keep it for the next roll-over. Raises a GenerationError when it cannot."""
        source = await self._store.read(_read, job.workspace_id, ConversationId(job.subject))
        newest = _newest_answer(source)
        if newest is None:
            await self._store.write(_drop, job, self._store.process_id)
            return
        text = await self._summarise(job, source, newest)
        fold = Fold(newest.seq, newest.answers_through or 0, newest.window_tokens or 0, text or None)
        await self._store.write(keep_summary, job, self._store.process_id, fold)

    async def _summarise(self, job: Job, source: _Source, newest: WindowTurn) -> str:
        answered = tuple(turn for turn in source.turns if turn.role != "customer" or turn.seq <= (newest.answers_through or 0))
        profile = await self._node.profile(source.model)
        most = min(summary.TOKENS, profile.context // 4)
        room = profile.context - most - RESERVE
        fitted = await self._fitting.shrink(source.prompt, profile, source.fold, answered, room, tail=summary.asking(()))
        request = GenerationRequest(
            summary.asking(fitted.window.messages),
            salt=self._sign("cache_salt", job.workspace_id),
            route=self._sign("route", f"{job.workspace_id}:{job.subject}"),
            max_tokens=most,
            temperature=0.0,
            priority=BACKGROUND,
        )
        return await summary.summarised(self._client, request, profile, by_fields=job.attempts == 1)


def _newest_answer(source: _Source) -> WindowTurn | None:
    """The answer that reaches furthest: what a stop kept may have been stored after it. None: nothing since the fold."""
    folded = source.fold.seq if source.fold is not None else 0
    answers = [turn for turn in source.turns if turn.role == "bot" and turn.seq > folded]
    return max(answers, key=lambda turn: turn.answers_through or 0, default=None)


def _read(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId) -> _Source:
    seq = summaries.folded_seq(connection, workspace_id, conversation_id)
    fold = summaries.fold(connection, workspace_id, conversation_id, seq)
    after = fold.answers_through if fold is not None else 0
    content = workspaces.load(connection, workspace_id)
    return _Source(content.prompt, content.model, fold, turns.window(connection, workspace_id, conversation_id, after))


def keep_summary(connection: sa.Connection, job: Job, process: ProcessId, fold: Fold) -> None:
    """Unit: the summary and the end of its job, together or not at all. The window is past a summary that comes too late."""
    conversation_id = ConversationId(job.subject)
    held = jobs.finish(connection, job, process)
    if held and fold.seq > summaries.folded_seq(connection, job.workspace_id, conversation_id):
        summaries.keep(connection, job.workspace_id, conversation_id, fold)


def _drop(connection: sa.Connection, job: Job, process: ProcessId) -> None:
    jobs.finish(connection, job, process)

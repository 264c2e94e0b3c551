"""Unit 2: the answer becomes durable, at its epoch or not at all, with its trace and whatever carries it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from bot.conversation.claiming import OpenQuestion
from bot.store import controls, conversations, jobs, outbox, summaries, traces, turns, withdrawal
from bot.store.conversations import WindowState
from bot.store.ids import OutboxId
from bot.store.outbox import Lane
from bot.store.summaries import Fold
from bot.store.traces import Trace

SUMMARISE = "summarise"


@dataclass(frozen=True, slots=True)
class Finished:
    """An answer ready to be stored. `parts` are its physical messages on a push channel; `cut` a fold made on the spot."""

    question: OpenQuestion
    text: str
    parts: Sequence[str]
    through: int
    window: WindowState
    trace: Trace
    model_texts: Mapping[int, str]
    cut: Fold | None
    summarise: bool


def store_answer(connection: sa.Connection, finished: Finished, *, wait_s: float) -> bool:
    """Store the bot turn; True when newer customer turns are due in `wait_s` seconds. Raises Superseded past the epoch."""
    question, claim = finished.question, finished.question.claim
    place, more = conversations.settle(connection, claim, finished.through, finished.window, wait_s=wait_s)
    turns.add(
        connection,
        place,
        "bot",
        finished.text,
        answers_through=finished.through,
        window_tokens=finished.window.tokens,
    )
    traces.add(connection, place, finished.trace)
    turns.freeze(connection, claim.workspace_id, claim.conversation_id, finished.model_texts)
    if finished.cut is not None:
        summaries.keep(connection, claim.workspace_id, claim.conversation_id, finished.cut)
    folded = finished.window.folded_seq
    if finished.summarise and summaries.newer(connection, claim.workspace_id, claim.conversation_id, folded) is None:
        jobs.add(connection, claim.workspace_id, SUMMARISE, claim.conversation_id)
    if question.lane is not None and question.outbox_id is not None:
        outbox.publish(connection, question.lane, question.outbox_id, finished.parts, epoch=claim.epoch, seq=place.seq)
    return more


def store_stopped(connection: sa.Connection, question: OpenQuestion, through: int, shown: str, parts: Sequence[str]) -> bool:
    """After the epoch moved: keep what was shown if it was a stop that moved it. False when it was something else."""
    claim = question.claim
    if not shown:
        return False
    kept = controls.keep_stopped(connection, claim, through, shown)
    if kept is not None and question.lane is not None and question.outbox_id is not None:
        _send_stopped(connection, question.lane, question.outbox_id, parts, claim.epoch, kept.seq)
    return kept is not None


def _send_stopped(connection: sa.Connection, lane: Lane, outbox_id: OutboxId, parts: Sequence[str], epoch: int, seq: int) -> None:
    """In its own preview, or as a new message when the next answer has taken that on already."""
    if outbox.is_reserved(connection, lane, outbox_id, epoch=epoch):
        outbox.publish(connection, lane, outbox_id, parts, epoch=epoch + 1, seq=seq)
    else:
        outbox.enqueue(connection, lane, parts, kind="bot", epoch=epoch + 1, seq=seq)


def drop_preview(connection: sa.Connection, question: OpenQuestion) -> None:
    """Nothing will come of this answer: its preview on a push channel goes away."""
    if question.lane is not None:
        withdrawal.discard(connection, question.lane, instead=controls.REMOVED, epoch=question.claim.epoch)


def give_back(connection: sa.Connection, question: OpenQuestion, *, wait_s: float, reason: str, tried: bool = True) -> None:
    """No answer this time: the question may be claimed again in `wait_s` seconds, and keeps its place; what was shown stays for
    the next try. `tried`: it counts as an attempt. Where the epoch has moved on there is none, and nobody else would take away
    what is on show.
    """
    if not conversations.release(connection, question.claim, wait_s=wait_s, reason=reason, tried=tried):
        drop_preview(connection, question)

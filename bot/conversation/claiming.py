"""The claim of a due conversation with all that its answer needs: one short unit, then none until the answer is stored."""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.conversation.memory import Memory, Remembered
from bot.store import conversations, message_map, outbox, parties, summaries, turns
from bot.store.conversations import Claim
from bot.store.ids import AccountId, AddressId, OutboxId, ProcessId
from bot.store.outbox import Lane
from bot.store.summaries import Fold
from bot.store.turns import WindowTurn


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A claimed conversation: its turns since the fold and, on a push channel, the row kept for the answer."""

    claim: Claim
    fold: Fold | None
    turns: tuple[WindowTurn, ...]
    lane: Lane | None
    outbox_id: OutboxId | None

    @property
    def asked_through(self) -> int:
        """The newest customer turn there is."""
        return max((turn.seq for turn in self.turns if turn.role == "customer"), default=0)


def take_due(
    connection: sa.Connection, memory: Memory, route: str, process: ProcessId, *, lease_s: float, room: int
) -> tuple[OpenQuestion, ...]:
    """Lease up to `room` due conversations of a route and read what is asked."""
    claims = conversations.claim(connection, route, process, lease_s=lease_s, room=room)
    return tuple(_open(connection, claim, route, memory.of(claim)) for claim in claims)


def take_interrupted(connection: sa.Connection, question: OpenQuestion) -> OpenQuestion:
    """The same conversation again, at a new epoch, with what was written since. Raises Superseded."""
    claim = conversations.interrupt(connection, question.claim)
    return _open(connection, claim, question.lane.account_id if question.lane is not None else "", None)


def _open(connection: sa.Connection, claim: Claim, route: str, known: Remembered | None) -> OpenQuestion:
    fold, shown = _read(connection, claim, known)
    if not route:
        return OpenQuestion(claim, fold, shown, None, None)
    lane = Lane(claim.workspace_id, AccountId(route), claim.address_id, claim.conversation_id)
    asked = max((turn.seq for turn in shown if turn.role == "customer"), default=0)
    answers = message_map.first_of(connection, claim.workspace_id, claim.conversation_id, asked)
    reserved = outbox.reserve(connection, lane, epoch=claim.epoch, reply_to=answers)
    return OpenQuestion(claim, fold, shown, lane, reserved.outbox_id)


def _read(connection: sa.Connection, claim: Claim, known: Remembered | None) -> tuple[Fold | None, tuple[WindowTurn, ...]]:
    """The window's turns: those that are new, where the others are remembered."""
    if known is not None and known.turns:
        new = turns.window(connection, claim.workspace_id, claim.conversation_id, known.turns[-1].seq)
        return known.fold, known.turns + new
    fold = summaries.fold(connection, claim.workspace_id, claim.conversation_id, claim.folded_seq)
    after = fold.answers_through if fold is not None else 0
    return fold, turns.window(connection, claim.workspace_id, claim.conversation_id, after)


def place(connection: sa.Connection, claim: Claim) -> tuple[AccountId, str, str]:
    """(account id, chat id, thread id) of a claimed conversation's address."""
    return parties.place(connection, claim.workspace_id, AddressId(claim.address_id))

"""Unit 1: what happened becomes durable. One transaction for a batch; where an update fails, a savepoint for each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from bot.conversation.acting import act
from bot.conversation.commands import Commands
from bot.conversation.hearing import hear
from bot.conversation.parties import CustomerMessage, EditControl, MoveControl, Nothing, resolve
from bot.conversation.sender import Sender, Taken, entry
from bot.events import AccountKey, Acted, Conflict, DeadLettered, Ignored, Receipt, Received, Skipped, Stored, Undecodable
from bot.store import inbox, moving, parties, reading
from bot.store.failures import lost_race, taken_before, unavailable
from bot.store.parties import AccountRef, Known

UNSTORABLE = "unstorable"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class House:
    """What is the same for every batch. `wait_s`: how long a new message waits for more before an answer is due."""

    accounts: Mapping[AccountKey, AccountRef]
    commands: Commands
    wait_s: float


def take(connection: sa.Connection, house: House, batch: Sequence[Received]) -> Taken:
    """Store a batch."""
    taken = Taken()
    for received in batch:
        _take_one(connection, house, received, taken)
    _keep_cursors(connection, house.accounts, batch)
    return taken


def take_apart(connection: sa.Connection, house: House, batch: Sequence[Received], *, lost: bool = False) -> Taken:
    """As `take`, for a batch that failed: an update that cannot be stored as what it is becomes a dead letter.

    A row that is there already may be another process's, made a moment ago: then all is run again, until that is `lost`.
    """
    taken = Taken()
    for received in batch:
        one, ref = Taken(), house.accounts[received.account]
        savepoint = connection.begin_nested()
        try:
            _take_one(connection, house, received, one)
            savepoint.commit()
        except Exception as error:  # boundary of an update: its error must not hold up the others
            savepoint.rollback()
            if (lost_race(error) and not (lost and taken_before(error))) or unavailable(error):
                raise  # the whole unit is run again, now or later
            log.warning("update.unstorable", channel=ref.channel, key=received.key, error=type(error).__name__)
            one = Taken([_keep_dead(connection, ref, received, _digest(received), UNSTORABLE)])
        taken.receipts += one.receipts
        taken.notices += one.notices
    _keep_cursors(connection, house.accounts, batch)
    return taken


def _take_one(connection: sa.Connection, house: House, received: Received, taken: Taken) -> None:
    event, ref = received.event, house.accounts[received.account]
    if isinstance(event, Skipped):
        taken.receipts.append(Ignored(event.reason))
        return
    digest = _digest(received)
    if isinstance(event, Undecodable):
        taken.receipts.append(_keep_dead(connection, ref, received, digest, event.reason))
        return
    known = parties.look_up(connection, ref, event.address, event.author.user_id, received.key)
    if known.digest is not None:
        taken.receipts.append(_repeat(known, digest))
        return
    meaning = resolve(event, known, house.commands)
    match meaning:
        case Nothing(reason):
            inbox.add(connection, entry(ref, received, digest, "ignored", reason=reason))
            taken.receipts.append(Ignored(reason))
        case MoveControl():
            moving.move(connection, ref, meaning.moved.address.chat_id, meaning.moved.chat_id)
            inbox.add(connection, entry(ref, received, digest, "control"))
            taken.receipts.append(Acted(""))
        case CustomerMessage():
            hear(connection, _introduce(connection, ref, received, digest, known), meaning.message, house.wait_s, taken)
        case EditControl(text=None):
            act(connection, _unnamed(ref, received, digest, known), meaning, house.commands, taken)
        case _:
            act(connection, _introduce(connection, ref, received, digest, known), meaning, house.commands, taken)


def _digest(received: Received) -> bytes:
    return hashlib.blake2b(received.raw, digest_size=16).digest()


def _keep_cursors(connection: sa.Connection, accounts: Mapping[AccountKey, AccountRef], batch: Sequence[Received]) -> None:
    """The last cursor of each place in a batch."""
    last = {(one.account, one.cursor.place): one.cursor.position for one in batch if one.cursor is not None}
    for (account, place), position in last.items():
        reading.keep(connection, accounts[account], place, position)


def _repeat(known: Known, digest: bytes) -> Receipt:
    """The same key again: the same answer again, or a clash when its content differs."""
    if known.digest != digest:
        return Conflict()
    match known.seen_outcome:
        case "turn":
            assert known.seen_conversation_id is not None
            assert known.seen_seq is not None
            return Stored(known.seen_conversation_id, known.seen_seq, repeated=True)
        case "control":
            return Acted(known.seen_conversation_id or "", repeated=True)
        case _:
            return Ignored(known.seen_reason or "")


def _keep_dead(connection: sa.Connection, ref: AccountRef, received: Received, digest: bytes, reason: str) -> Receipt:
    if inbox.digest_of(connection, ref.workspace_id, ref.account_id, received.key) is None:
        inbox.add(connection, entry(ref, received, digest, "dead", reason=reason))
    return DeadLettered(reason)


def _introduce(connection: sa.Connection, ref: AccountRef, received: Received, digest: bytes, known: Known) -> Sender:
    assert not isinstance(received.event, Undecodable | Skipped)
    address_id = known.address_id or parties.make_address(connection, ref, received.event.address)
    identity_id, customer_id = known.identity_id, known.customer_id
    if identity_id is None or customer_id is None:
        identity_id, customer_id = parties.make_identity(connection, ref, received.event.author)
    return Sender(ref, received, digest, address_id, identity_id, customer_id, known.conversation_id)


def _unnamed(ref: AccountRef, received: Received, digest: bytes, known: Known) -> Sender:
    """For what platforms tell without saying who did it: at a known address, of nobody."""
    assert known.address_id is not None, "only what is on record can be taken away"
    return Sender(ref, received, digest, known.address_id, None, None, known.conversation_id)

"""Unit 1: what happened becomes durable. One transaction for a batch; where an update fails, a savepoint for each."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog

from bot.conversation.parties import CustomerMessage, FreshControl, Nothing, RatingControl, StopControl, resolve
from bot.events import AccountKey, Acted, Conflict, DeadLettered, Ignored, Receipt, Received, Stored, Undecodable
from bot.store import controls, conversations, inbox, parties, turns
from bot.store.bulletin import Topic
from bot.store.failures import lost_race, unavailable
from bot.store.ids import AddressId, ConversationId, CustomerId, IdentityId
from bot.store.inbox import InboxEntry
from bot.store.parties import AccountRef, Known

Notice = tuple[Topic, str]
UNSTORABLE = "unstorable"
log = structlog.get_logger()


@dataclass(slots=True)
class Taken:
    """What a batch became: a receipt for each update, and whom to wake once it is committed."""

    receipts: list[Receipt] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Sender:
    """An update with everything needed to store it: parties are known or made by now."""

    ref: AccountRef
    received: Received
    digest: bytes
    address_id: AddressId
    identity_id: IdentityId
    customer_id: CustomerId
    conversation_id: ConversationId | None


def take(connection: sa.Connection, accounts: Mapping[AccountKey, AccountRef], batch: Sequence[Received], wait_s: float) -> Taken:
    """Store a batch. `wait_s`: how long a new message waits for more before an answer is due."""
    taken = Taken()
    for received in batch:
        _take_one(connection, accounts[received.account], received, wait_s, taken)
    return taken


def take_apart(
    connection: sa.Connection, accounts: Mapping[AccountKey, AccountRef], batch: Sequence[Received], wait_s: float
) -> Taken:
    """As `take`, for a batch that failed: an update that cannot be stored as what it is becomes a dead letter."""
    taken = Taken()
    for received in batch:
        one, ref = Taken(), accounts[received.account]
        savepoint = connection.begin_nested()
        try:
            _take_one(connection, ref, received, wait_s, one)
            savepoint.commit()
        except Exception as error:  # boundary of an update: its error must not hold up the others
            savepoint.rollback()
            if lost_race(error) or unavailable(error):  # the whole unit is run again, now or later
                raise
            log.warning("update.unstorable", channel=ref.channel, key=received.key, error=type(error).__name__)
            digest = hashlib.blake2b(received.raw, digest_size=16).digest()
            one = Taken([_keep_dead(connection, ref, received, digest, UNSTORABLE)])
        taken.receipts += one.receipts
        taken.notices += one.notices
    return taken


def _take_one(connection: sa.Connection, ref: AccountRef, received: Received, wait_s: float, taken: Taken) -> None:
    digest = hashlib.blake2b(received.raw, digest_size=16).digest()
    event = received.event
    if isinstance(event, Undecodable):
        taken.receipts.append(_keep_dead(connection, ref, received, digest, event.reason))
        return
    known = parties.look_up(connection, ref, event.address, event.author.user_id, received.key)
    if known.digest is not None:
        taken.receipts.append(_repeat(known, digest))
        return
    meaning = resolve(event, known)
    if isinstance(meaning, Nothing):
        inbox.add(connection, _entry(ref, received, digest, "ignored", reason=meaning.reason))
        taken.receipts.append(Ignored(meaning.reason))
        return
    sender = _introduce(connection, ref, received, digest, known)
    match meaning:
        case CustomerMessage():
            _hear(connection, sender, meaning, wait_s, taken)
        case StopControl():
            _act(connection, sender, _stop, taken)
        case FreshControl():
            _act(connection, sender, _begin_anew, taken)
        case RatingControl():
            _rate(connection, sender, meaning, taken)


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
        inbox.add(connection, _entry(ref, received, digest, "dead", reason=reason))
    return DeadLettered(reason)


def _introduce(connection: sa.Connection, ref: AccountRef, received: Received, digest: bytes, known: Known) -> _Sender:
    assert not isinstance(received.event, Undecodable)
    address_id = known.address_id or parties.make_address(connection, ref, received.event.address)
    identity_id, customer_id = known.identity_id, known.customer_id
    if identity_id is None or customer_id is None:
        identity_id, customer_id = parties.make_identity(connection, ref, received.event.author)
    return _Sender(ref, received, digest, address_id, identity_id, customer_id, known.conversation_id)


def _hear(connection: sa.Connection, sender: _Sender, meaning: CustomerMessage, wait_s: float, taken: Taken) -> None:
    workspace_id = sender.ref.workspace_id
    conversation_id = sender.conversation_id or _begin_anew(connection, sender)
    place = conversations.hear(connection, workspace_id, conversation_id, wait_s=wait_s)
    turns.add(connection, place, "customer", meaning.message.text, identity_id=sender.identity_id)
    turns.attach(connection, place, meaning.message.attachments)
    inbox.add(
        connection, _entry(sender.ref, sender.received, sender.digest, "turn", conversation_id=conversation_id, seq=place.seq)
    )
    taken.receipts.append(Stored(conversation_id, place.seq))
    taken.notices += [
        (Topic.DIALOGUE, sender.address_id),
        (Topic.MESSAGE, conversation_id),
        (Topic.DUE, sender.ref.route),
    ]


def _act(
    connection: sa.Connection, sender: _Sender, act: Callable[[sa.Connection, _Sender], ConversationId], taken: Taken
) -> None:
    conversation_id = act(connection, sender)
    entry = _entry(sender.ref, sender.received, sender.digest, "control", conversation_id=conversation_id)
    inbox.add(connection, entry)
    taken.receipts.append(Acted(conversation_id))
    taken.notices.append((Topic.DIALOGUE, sender.address_id))
    if sender.conversation_id is not None:
        taken.notices.append((Topic.SUPERSEDED, sender.conversation_id))


def _stop(connection: sa.Connection, sender: _Sender) -> ConversationId:
    if sender.conversation_id is None:
        return _begin_anew(connection, sender)
    controls.stop(connection, sender.ref.workspace_id, sender.conversation_id)
    return sender.conversation_id


def _begin_anew(connection: sa.Connection, sender: _Sender) -> ConversationId:
    return controls.begin_anew(connection, sender.ref, sender.address_id, sender.customer_id, sender.conversation_id)


def _rate(connection: sa.Connection, sender: _Sender, meaning: RatingControl, taken: Taken) -> None:
    rated, current = meaning.rated, sender.conversation_id
    conversation_id, _, seq = rated.turn_id.rpartition("-")
    known = current is not None and conversation_id == current and seq.isascii() and seq.isdigit() and len(seq) < 10
    stored = (
        known
        and current is not None
        and controls.rate(connection, sender.ref.workspace_id, current, int(seq), rated.value, rated.reason)
    )
    outcome, reason = ("control", "") if stored else ("ignored", "unknown_turn")
    inbox.add(connection, _entry(sender.ref, sender.received, sender.digest, outcome, reason=reason, conversation_id=current))
    taken.receipts.append(Acted(current or "") if stored else Ignored(reason))


def _entry(
    ref: AccountRef,
    received: Received,
    digest: bytes,
    outcome: str,
    *,
    reason: str = "",
    conversation_id: ConversationId | None = None,
    seq: int | None = None,
) -> InboxEntry:
    return InboxEntry(ref.workspace_id, ref.account_id, received.key, digest, received.raw, outcome, reason, conversation_id, seq)

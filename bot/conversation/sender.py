"""An update with everything needed to act on it, and what became of a batch of them."""

from dataclasses import dataclass, field

from bot.events import Event, Receipt, Received, Skipped, Undecodable
from bot.store.bulletin import Topic
from bot.store.ids import AddressId, ConversationId, CustomerId, IdentityId
from bot.store.inbox import InboxEntry
from bot.store.parties import AccountRef

Notice = tuple[Topic, str]


@dataclass(slots=True)
class Taken:
    """What a batch became: a receipt for each update, and whom to wake once it is committed."""

    receipts: list[Receipt] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent an update, and where: parties are known or made by now."""

    ref: AccountRef
    received: Received
    digest: bytes
    address_id: AddressId
    identity_id: IdentityId | None
    customer_id: CustomerId | None
    conversation_id: ConversationId | None

    @property
    def event(self) -> Event:
        """What the sender did."""
        assert not isinstance(self.received.event, Undecodable | Skipped), "what cannot be read has no sender"
        return self.received.event


def entry(
    ref: AccountRef,
    received: Received,
    digest: bytes,
    outcome: str,
    *,
    reason: str = "",
    conversation_id: ConversationId | None = None,
    seq: int | None = None,
) -> InboxEntry:
    """The row of the inbox that an update becomes."""
    return InboxEntry(ref.workspace_id, ref.account_id, received.key, digest, received.raw, outcome, reason, conversation_id, seq)

"""The seams between the product and its channels. Small protocols, owned by the caller; `bot.errors` says what they raise."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.events import AccountKey, ChannelAddress, Receipt, Received
from bot.views import ButtonView, ChatEvent, PlaceShown, PreviewShown, SessionView, TurnPage


class Intake(Protocol):
    """Takes what happened, makes it durable and says so. Adapters acknowledge the platform only after it returned."""

    async def receive(self, batch: Sequence[Received]) -> Sequence[Receipt]:
        """Store the batch in one transaction, a savepoint each; one receipt per item, in order. Raises StoreUnavailable."""
        ...


class Cursors(Protocol):
    """How far each place of an account was read, as its updates told when they were stored."""

    async def of(self, account: AccountKey) -> Mapping[str, str]:
        """{place: position} of the places read last, 10,000 at most. Raises StoreUnavailable."""
        ...


class Record(Protocol):
    """What a pull channel (web, terminal, console) shows of one address."""

    async def turns(self, address: ChannelAddress, after: int) -> TurnPage:
        """The current conversation's first turns with seq > `after`: 200 or 1 MB of text at most, one at least. What the page
        does not hold is what `follow` tells from its cursor on. An address without a conversation has an empty page.
        """
        ...

    def follow(self, address: ChannelAddress, cursor: str | None) -> AsyncIterator[ChatEvent]:
        """Logged events after `cursor` (None: from the current conversation's first), then live ones with previews; never ends.

        A cursor that is not one of ours, or of another address, raises NotFound at the first step. Close it to stop listening.
        """
        ...


class Sessions(Protocol):
    """Web visitors. Tokens are random, shown once, stored hashed."""

    async def open(self, account: AccountKey, user_id: str | None = None) -> tuple[str, str]:
        """Open a session and its conversation: (token, conversation id). With `user_id` (signed by the host site) it joins
        that person's address, so their devices share one dialogue.
        """
        ...

    async def find(self, account: AccountKey, token: str) -> SessionView | None:
        """The live session of a token, or None for a wrong, expired or revoked one."""
        ...

    async def revoke(self, account: AccountKey, token: str) -> None:
        """End a session; unknown tokens are no error."""
        ...


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One physical message for a push channel. `outbox_id` (32 hex digits) gives nonces and custom ids deterministically.

    `text` is Markdown. `kind`: whose words, "bot", "agent" or "system". It is part `part` (from 0) of `parts`. `secret` is what
    changing a platform's own placeholder needs.
    """

    outbox_id: str
    address: ChannelAddress
    text: str
    reply_to: str | None = None
    repeat: bool = False
    kind: str = "bot"
    part: int = 0
    parts: int = 1
    buttons: tuple[ButtonView, ...] = ()
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelHabits:
    """What a push channel is like at one address: delivery's policies read only this.

    `max_text` in the platform's own units as `measure` of the channel counts them; rates are events per second with a burst.
    `in_doubt` says how a send with unknown outcome is settled: "edit" (previews are messages, the final text is an idempotent
    edit), "reconcile" (ask the platform by outbox id), "resend" (at least once: repeats are counted and shown).
    `preview` says what an answer in the making looks like: "edit" (a message that is edited), "draft", "typing" or "none".
    `replies`: several people talk here, so an answer names the message that it answers.
    """

    max_text: int
    account_rate: float
    account_burst: int
    chat_rate: float
    chat_burst: int
    in_doubt: str
    nonce_window_s: float = 0.0
    preview: str = "edit"
    replies: bool = False


class PushChannel(Protocol):
    """A platform that must be told. Each call is one request with a timeout (`fetch`: two); ids are the platform's, as text.

    Raises RetryLater, RecipientGone, MessageRefused (definitely not sent) or DeliveryUnknown (nobody knows); `edit` raises
    MessageGone when the message to change was deleted.
    """

    def habits(self, address: ChannelAddress) -> ChannelHabits:
        """What holds at this address (a group is not a private chat). The account's rate and burst are the same at all."""
        ...

    async def send(self, message: OutboundMessage) -> str:
        """Send and return the platform's message id."""
        ...

    async def edit(self, message: OutboundMessage, platform_id: str) -> None:
        """Replace text and buttons of a message; an identical edit is a success."""
        ...

    async def delete(self, message: OutboundMessage, platform_id: str) -> None:
        """Remove a message, whatever it showed; one already gone is a success."""
        ...

    async def draft(self, message: OutboundMessage) -> None:
        """Show the text as a passing draft; asked only where `habits` says so. The final `send` takes its place."""
        ...

    async def typing(self, address: ChannelAddress) -> None:
        """Show that an answer is being made, for a few seconds."""
        ...

    async def find_sent(self, message: OutboundMessage, since: datetime) -> str | None:
        """The platform id of a message that did arrive, looked up by its outbox id; None when it did not."""
        ...

    async def fetch(self, reference: str, max_bytes: int) -> bytes:
        """What is in a file that a person sent, by the `reference` it came with. A longer one is cut at `max_bytes`: the rest is
        not read. Raises RetryLater, MessageGone (the file is not there any more), MessageRefused or RecipientGone (it is not
        given to us), or DeliveryUnknown (no whole answer).
        """
        ...

    def measure(self, text: str) -> int:
        """The length of a text as the platform counts it once it is shown, in the units of `max_text`."""
        ...


class Adapter(Protocol):
    """A channel's running part. The application awaits `run` in its task group and cancels it to stop."""

    async def run(self) -> None:
        """Receive until cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class PreviewTarget:
    """The answer being made that a preview belongs to. `outbox_id` is its reserved row on a push channel, else None."""

    workspace_id: str
    account_id: str
    address_id: str
    address: ChannelAddress
    outbox_id: str | None
    in_reply_to: int
    epoch: int


class Files(Protocol):
    """Where the manager gets files from that stayed with the platform: the push channel of each address's account."""

    async def fetch(self, address: ChannelAddress, reference: str, max_bytes: int) -> bytes:
        """See `PushChannel.fetch`."""
        ...


class Previews(Protocol):
    """Where the manager shows an answer while it is made. Best effort and never slow: each call returns at once, later texts
    replace earlier ones that were not shown yet.
    """

    def show(self, target: PreviewTarget, text: str) -> None:
        """The whole text so far; "" means that it is only being thought about (typing)."""
        ...

    def gone(self, target: PreviewTarget) -> None:
        """No further text will be shown for this target: it was stored, or given up."""
        ...


class PreviewFeed(Protocol):
    """What pull channels read previews from."""

    def current(self, address_id: str) -> PreviewShown | None:
        """The preview on show at an address of this process, if any."""
        ...

    def listen(self, address_id: str, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `listener` whenever `current` of the address changed, inside the block."""
        ...


class PlaceFeed(Protocol):
    """What pull channels read places in line from."""

    def current(self, address_id: str) -> PlaceShown | None:
        """The place of the question that waits at an address, where the wait is long."""
        ...

    def listen(self, address_id: str, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `listener` whenever `current` of the address changed, inside the block."""
        ...

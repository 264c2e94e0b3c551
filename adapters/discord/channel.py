"""The push channel: one account's messages as requests to Discord. What goes wrong is translated once, by `failures`."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import discord
import structlog

from adapters.discord import files, originals
from adapters.discord.failures import ARCHIVED, MISSING, UNKNOWN_CHANNEL, translated
from adapters.discord.history import Search
from adapters.discord.markers import components, nonce
from adapters.discord.payloads import StartedThread, read
from adapters.discord.places import Places
from adapters.discord.rest import REFUSED, UNANSWERED, Rest
from adapters.discord.threads import Opening, Threads
from adapters.discord.wording import length, wording
from bot.errors import MessageGone, MessageRefused, RecipientGone, RetryLater
from bot.events import ChannelAddress
from bot.ports import ChannelHabits, OutboundMessage

# 50 requests in a second for the account: rate and burst stay within it, and some are left to catching up; 5 in 5 s for a channel
HABITS = ChannelHabits(2000, 42.0, 6, 1.0, 5, "reconcile", nonce_window_s=60.0, preview="edit")
TALK = ChannelHabits(2000, 42.0, 6, 1.0, 5, "reconcile", nonce_window_s=60.0, preview="edit", replies=True)
NO_PINGS: dict[str, Any] = {"parse": [], "replied_user": False}
SUPPRESS_EMBEDS = 1 << 2
EMPTY = "…"
log = structlog.get_logger(__name__)
Reference = dict[str, Any] | None
R = TypeVar("R")


class DiscordChannel:
    """Platform ids: a message's id; "channel/message" where it stands beside its thread; "interaction:APP:ID" for the response
    to an interaction.
    """

    def __init__(self, name: str, rest: Rest, *, places: Places, threads: Threads) -> None:
        self._name = name
        self._rest = rest
        self._places = places
        self._threads = threads
        self._search = Search(rest)
        self._token_refused = False

    def habits(self, address: ChannelAddress) -> ChannelHabits:
        return TALK if self._places.several_people(address.chat_id, address.thread_id) else HABITS

    def measure(self, text: str) -> int:
        return length(text)

    async def send(self, message: OutboundMessage) -> str:
        async def create(place: str, reference: Reference) -> str:
            body = {**_body(message), "nonce": nonce(message.outbox_id), "enforce_nonce": True}
            if reference is not None:
                body["message_reference"] = reference
            answer = await self._rest.call("POST", "/channels/{channel_id}/messages", body=body, where={"channel_id": place})
            created = read(answer, StartedThread).id
            return created if place == message.address.chat_id else f"{place}/{created}"

        with self._translating(message.address):
            return await self._somewhere(message.address, create, _reference(message))

    async def edit(self, message: OutboundMessage, platform_id: str) -> None:
        body = _body(message)
        with self._translating(message.address):
            if originals.is_original(platform_id):
                await originals.edit(self._rest, platform_id, message.secret, body)
            else:
                await self._change("PATCH", message.address, platform_id, body)

    async def delete(self, message: OutboundMessage, platform_id: str) -> None:
        try:
            with self._translating(message.address):
                if originals.is_original(platform_id):
                    await originals.delete(self._rest, platform_id, message.secret)
                else:
                    await self._change("DELETE", message.address, platform_id, None)
        except MessageGone:
            return

    async def draft(self, message: OutboundMessage) -> None:  # noqa: ARG002  the port names it
        raise MessageRefused("Discord has no drafts")

    async def typing(self, address: ChannelAddress) -> None:
        async def type_at(place: str, _reference: Reference) -> None:
            await self._rest.call("POST", "/channels/{channel_id}/typing", where={"channel_id": place})

        with self._translating(address):
            await self._somewhere(address, type_at, None)

    async def find_sent(self, message: OutboundMessage, since: datetime) -> str | None:
        place, parent = message.address.chat_id, message.address.thread_id
        with self._translating(message.address):
            try:
                return await self._search.find(place, message.outbox_id, since)
            except discord.NotFound as error:
                if error.code != UNKNOWN_CHANNEL or not parent:
                    raise
            beside = await self._search.find(parent, message.outbox_id, since)
            return f"{parent}/{beside}" if beside else None

    async def fetch(self, reference: str, max_bytes: int) -> bytes:
        with self._translating(ChannelAddress("discord", self._name, reference.partition("/")[0])):
            return await files.fetch(self._rest, reference, max_bytes)

    async def _somewhere(self, address: ChannelAddress, act: Callable[[str, Reference], Awaitable[R]], reference: Reference) -> R:
        """In the channel; a thread that is not there yet is opened first; where the bot may not open it, beside it."""
        try:
            return await act(address.chat_id, reference)
        except discord.HTTPException as error:
            if error.code == ARCHIVED:
                await self._wake(address.chat_id)
            if error.code != UNKNOWN_CHANNEL or not address.thread_id:
                raise
        match await self._threads.open(address.thread_id, address.chat_id):
            case Opening.OPEN:
                return await act(address.chat_id, reference)
            case Opening.NOT_ALLOWED:
                return await act(address.thread_id, _answering(address.chat_id))
            case Opening.NO_MESSAGE:
                raise RecipientGone("the message that began the conversation is gone")

    async def _change(self, method: str, address: ChannelAddress, platform_id: str, body: dict[str, Any] | None) -> None:
        beside, _, message_id = platform_id.rpartition("/")
        place = beside or address.chat_id
        path = "/channels/{channel_id}/messages/{message_id}"
        try:
            await self._rest.call(method, path, body=body, where={"channel_id": place, "message_id": message_id})
        except discord.HTTPException as error:
            if error.code == ARCHIVED:
                await self._wake(place)
            raise

    async def _wake(self, thread_id: str) -> None:
        await self._threads.wake(thread_id)
        raise RetryLater("the thread was asleep", after_s=0.0)

    @contextmanager
    def _translating(self, address: ChannelAddress) -> Iterator[None]:
        try:
            yield
        except (*REFUSED, *UNANSWERED) as error:
            self._tell(error, address)
            # the library's error holds the answer, and with it an address that may carry a token
            raise translated(error) from None
        if self._token_refused:
            self._token_refused = False
            log.info("discord.token_works_again", account=self._name)

    def _tell(self, error: Exception, address: ChannelAddress) -> None:
        if not isinstance(error, discord.HTTPException):
            return
        if error.status == 401 and error.code != originals.TOKEN_EXPIRED and not self._token_refused:
            self._token_refused = True
            log.error(
                "discord.token_refused",
                account=self._name,
                advice="put the bot's current token into the settings and start again",
            )
        elif error.code in MISSING:
            log.warning(
                "discord.not_allowed", account=self._name, place=address.chat_id, code=error.code, missing=MISSING[error.code]
            )


def _body(message: OutboundMessage) -> dict[str, Any]:
    """What is shown: the same for a new message and for an edit."""
    return {
        "content": wording(message.text) or EMPTY,
        "components": components(message),
        "allowed_mentions": NO_PINGS,
        "flags": SUPPRESS_EMBEDS,
    }


def _reference(message: OutboundMessage) -> Reference:
    """A thread's first message stands outside of it and cannot be referred to from within."""
    if message.reply_to is None or message.reply_to == message.address.chat_id or not message.reply_to.isdigit():
        return None
    return _answering(message.reply_to)


def _answering(message_id: str) -> Reference:
    return {"message_id": message_id, "fail_if_not_exists": False}

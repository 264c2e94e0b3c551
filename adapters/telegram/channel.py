"""Sending: the push channel of one account. One call is one request; entities carry the marks, never parse_mode."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramMigrateToChat, TelegramNotFound
from aiogram.methods import DeleteMessage, SendChatAction, SendMessageDraft, TelegramMethod
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, MessageEntity, ReplyParameters

from adapters.telegram.failures import Doing, Limited, channel_error, is_token_trouble, refuses_marks
from adapters.telegram.methods import EditRawMessageText, GetRawFile, SendRawMessage
from adapters.telegram.rendering import length, render
from adapters.telegram.session import Session
from adapters.telegram.waiting import TOKEN, Troubles
from bot.errors import DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater, StoreUnavailable
from bot.events import AccountKey, ChannelAddress, ChatMoved, Received
from bot.ports import ChannelHabits, Intake, OutboundMessage

MAX_TEXT = 4096  # UTF-16 units after entities
PLAIN_TEXTS = 1024
MOVES = 1024
MOST_TOLD = 5  # requests to a chat's old id: a few may be under way when it moves
# https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this: 1 message a second in a chat, 20 a minute in a
# group, 30 a second in all. In a group what the burst allows is taken from the rate, so that no minute holds more than 20.
PRIVATE = ChannelHabits(MAX_TEXT, 30.0, 30, 1.0, 3, "resend", preview="draft")
GROUP = ChannelHabits(MAX_TEXT, 30.0, 30, 16 / 60, 4, "edit", preview="edit", replies=True)
NOWHERE = ChannelAddress("telegram", "", "")  # what concerns no chat
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class TelegramChannel:
    """See bot.ports.PushChannel. A chat that moved is told to intake; `now` dates that, in UTC."""

    def __init__(
        self,
        bot: Bot,
        account: AccountKey,
        intake: Intake,
        troubles: Troubles,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._bot = bot
        self._account = account
        self._intake = intake
        self._troubles = troubles
        self._limited = Limited(clock)
        self._now = now
        self._plain: OrderedDict[bytes, None] = OrderedDict()
        self._moves: OrderedDict[str, int] = OrderedDict()

    def habits(self, address: ChannelAddress) -> ChannelHabits:
        """Groups have negative ids."""
        return GROUP if address.chat_id.startswith("-") else PRIVATE

    async def send(self, message: OutboundMessage) -> str:
        text, entities = self._rendered(message)
        method = SendRawMessage(
            chat_id=_chat(message.address),
            message_thread_id=_thread(message.address),
            text=text,
            entities=entities,
            parse_mode=None,
            link_preview_options=NO_PREVIEW,
            reply_parameters=_reply(message),
            reply_markup=_keyboard(message),
        )
        sent = await self._request(method, "send", message.address, message)
        message_id = sent.get("message_id")
        if type(message_id) is not int or message_id <= 0:  # 0: scheduled, or another's answer
            raise DeliveryUnknown("send: an answer without a message id")
        return str(message_id)

    async def edit(self, message: OutboundMessage, platform_id: str) -> None:
        text, entities = self._rendered(message)
        method = EditRawMessageText(
            chat_id=_chat(message.address),
            message_id=int(platform_id),
            text=text,
            entities=entities,
            parse_mode=None,
            link_preview_options=NO_PREVIEW,
            reply_markup=_keyboard(message),
        )
        await self._request(method, "edit", message.address, message)

    async def delete(self, message: OutboundMessage, platform_id: str) -> None:
        method = DeleteMessage(chat_id=_chat(message.address), message_id=int(platform_id))
        await self._request(method, "delete", message.address)

    async def draft(self, message: OutboundMessage) -> None:
        """Stays for 30 seconds; with the platform's own stop button."""
        text, entities = self._rendered(message)
        method = SendMessageDraft(
            chat_id=_chat(message.address),
            draft_id=draft_id(message.outbox_id),
            message_thread_id=_thread(message.address),
            text=text,
            entities=entities,
            parse_mode=None,
            can_stop=True,
            keep_on_stop=True,
        )
        await self._request(method, "draft", message.address, message)

    async def typing(self, address: ChannelAddress) -> None:
        method = SendChatAction(chat_id=_chat(address), message_thread_id=_thread(address), action="typing")
        await self._request(method, "typing", address)

    async def find_sent(self, message: OutboundMessage, since: datetime) -> str | None:  # noqa: ARG002 - the port's signature
        """Telegram shows bots no history."""
        return None

    async def fetch(self, reference: str, max_bytes: int) -> bytes:
        """Files of 20 MB at most, https://core.telegram.org/bots/api#getfile; a server in local mode tells a path of its own
        machine, which is no address.
        """
        method = GetRawFile(file_id=reference)
        path = (await self._request(method, "fetch", NOWHERE)).get("file_path")
        if not isinstance(path, str) or not path or path.startswith("/"):
            raise MessageRefused("fetch: the server gives no address of the file")
        session = self._bot.session
        assert isinstance(session, Session), "connect gives the bot its session"
        try:
            return await session.download(self._bot, method, path, max_bytes)
        except TelegramNotFound as error:
            raise MessageGone("fetch: the file is gone") from error
        except TelegramAPIError as error:
            raise channel_error(error, "fetch", "", self._limited) or DeliveryUnknown("fetch: no file came") from error

    def measure(self, text: str) -> int:
        return length(text)

    async def _request(
        self, method: TelegramMethod[Any], doing: Doing, address: ChannelAddress, message: OutboundMessage | None = None
    ) -> Any:
        """One request. `message`: what is shown, whose marks may be refused; then it goes plain the next time it is asked for."""
        try:
            result = await self._bot(method)
        except TelegramAPIError as error:
            failure = channel_error(error, doing, address.chat_id, self._limited)
            if failure is None:
                return {}
            if message is not None and _mark(message) not in self._plain and refuses_marks(error):
                self._goes_plain(message)
                raise RetryLater("marks not accepted", after_s=0.0) from error
            if isinstance(error, TelegramMigrateToChat) and await self._tell_of_move(address, str(error.migrate_to_chat_id)):
                raise RecipientGone("people write under the chat's new id already") from error
            if is_token_trouble(error):
                self._troubles.begin(TOKEN)
            raise failure from error
        self._troubles.over(TOKEN)
        return result

    async def _tell_of_move(self, address: ChannelAddress, chat_id: str) -> bool:
        """Whether that was of no use: told of again and again, the address keeps its old id, since the new one has another."""
        event = ChatMoved(address, chat_id, self._now())
        key = f"migrate:{address.chat_id}:{chat_id}"
        raw = json.dumps({"chat_id": address.chat_id, "migrate_to_chat_id": chat_id}).encode()
        try:
            await self._intake.receive([Received(self._account, key, raw, event)])
        except StoreUnavailable:  # the next try is told the same
            return False
        self._moves[key] = self._moves.get(key, 0) + 1
        if len(self._moves) > MOVES:
            self._moves.popitem(last=False)
        return self._moves.get(key, 0) > MOST_TOLD

    def _rendered(self, message: OutboundMessage) -> tuple[str, list[MessageEntity] | None]:
        shown = render(message.text)
        if not shown.entities or _mark(message) in self._plain:
            return shown.text, None
        return shown.text, [
            MessageEntity(type=one.type, offset=one.offset, length=one.length, url=one.url, language=one.language)
            for one in shown.entities
        ]

    def _goes_plain(self, message: OutboundMessage) -> None:
        self._plain[_mark(message)] = None
        if len(self._plain) > PLAIN_TEXTS:
            self._plain.popitem(last=False)


def draft_id(outbox_id: str) -> int:
    """The same for the same row, never 0, and exact in any JSON reader: 48 of the id's random bits."""
    return int(outbox_id[-12:], 16) or 1


def _mark(message: OutboundMessage) -> bytes:
    return hashlib.blake2b(f"{message.outbox_id} {message.text}".encode(errors="replace"), digest_size=16).digest()


def _chat(address: ChannelAddress) -> int:
    return int(address.chat_id)


def _thread(address: ChannelAddress) -> int | None:
    return int(address.thread_id) if address.thread_id else None


def _reply(message: OutboundMessage) -> ReplyParameters | None:
    if not message.reply_to:
        return None
    return ReplyParameters(message_id=int(message.reply_to), allow_sending_without_reply=True)


def _keyboard(message: OutboundMessage) -> InlineKeyboardMarkup | None:
    """One row. Without buttons an edit takes away those that were there."""
    if not message.buttons:
        return None
    row = [InlineKeyboardButton(text=button.label, callback_data=button.id) for button in message.buttons]
    return InlineKeyboardMarkup(inline_keyboard=[row])

"""One call of a Bot API method: its arguments as text, and what it is allowed to touch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tests.telegram_server.account import BotAccount
from tests.telegram_server.chat import PRESENT, Chat, Message, Topic
from tests.telegram_server.refusal import bad_request, forbidden, migrated

if TYPE_CHECKING:
    from tests.telegram_server.server import TelegramServer


class Access(IntEnum):
    """Client::AccessRights, in rising order."""

    READ = 0
    EDIT = 1
    WRITE = 2


@dataclass(frozen=True, slots=True)
class Call:
    """`args` are text as on the wire; lists and objects are JSON text."""

    server: "TelegramServer"
    bot: BotAccount
    method: str
    args: Mapping[str, str]

    def text(self, name: str) -> str:
        return self.args.get(name, "")

    def number(self, name: str, otherwise: int = 0) -> int:
        """td::to_integer: what is no number is 0; what is missing is `otherwise`."""
        given = self.args.get(name, "")
        if not given:
            return otherwise
        return int(given) if given.lstrip("-").isdigit() else 0

    def flag(self, name: str) -> bool:
        """Client::to_bool."""
        return self.args.get(name, "").strip().lower() in {"true", "yes", "1"}

    def chat(self, access: Access, name: str = "chat_id") -> Chat:
        """Client::check_chat and check_chat_access. Raises 400 or 403."""
        given = self.text(name)
        if not given:
            raise bad_request("chat_id is empty")
        chat = self.server.find_chat(self.bot, given)
        if chat is None:
            raise bad_request("chat not found")
        self._check(chat, access)
        return chat

    def _check(self, chat: Chat, access: Access) -> None:
        if chat.private:
            if chat.deactivated and access >= Access.EDIT:
                raise forbidden("user is deactivated")
            return
        if chat.migrated_to is not None and access >= Access.EDIT:
            raise migrated(chat.migrated_to)
        place = f"the {chat.kind} chat"
        standing = chat.bots.get(self.bot.id, "left")
        if standing == "kicked" and (access >= Access.EDIT or chat.kind == "supergroup"):
            raise forbidden(f"bot was kicked from {place}")
        if standing not in PRESENT and (access >= Access.EDIT or chat.kind == "supergroup"):
            raise forbidden(f"bot is not a member of {place}")

    def reachable(self, chat: Chat) -> None:
        """What only Telegram's servers know of a private chat: USER_IS_BLOCKED, and PEER_ID_INVALID before the person wrote
        first.
        """
        if chat.private and not chat.started:
            raise forbidden("bot can't initiate conversation with a user")
        if chat.blocked:
            raise forbidden("bot was blocked by the user")

    def topic(self, chat: Chat) -> Topic | None:
        """`message_thread_id` by Client::check_message_topic: passed over where there are no topics; General has no number."""
        thread_id = self.number("message_thread_id")
        if not thread_id or not (chat.forum or chat.private):
            return None
        if thread_id not in chat.topics:
            raise bad_request("message thread not found")
        return chat.topics[thread_id]

    def message(self, chat: Chat, what: str, name: str = "message_id") -> Message:
        message = chat.messages.get(self.number(name))
        if message is None:
            raise bad_request(f"{what} not found")
        return message

    def administers(self, chat: Chat) -> bool:
        return chat.bots.get(self.bot.id) == "administrator"

    def charge(self, chat: Chat, *, draft: bool = False) -> None:
        """Take the call off the budget, after the Bot API server's own checks and before those of Telegram's servers."""
        self.bot.rates.charge(chat.id, draft=draft)


Method = Callable[[Call], Any]

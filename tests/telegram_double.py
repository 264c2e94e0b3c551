"""What the Telegram tests share: an intake that remembers, a Bot API that answers as scripted, and updates in a few words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiogram import Bot
from aiogram.methods import TelegramMethod

from adapters.telegram.addressing import Me
from adapters.telegram.menu import names
from adapters.telegram.session import Session
from bot.commands.menu import views
from bot.errors import StoreUnavailable
from bot.events import (
    AccountKey,
    Acted,
    ButtonPressed,
    Cursor,
    DeadLettered,
    Ignored,
    Receipt,
    Received,
    Skipped,
    Stored,
    Undecodable,
)

ACCOUNT = AccountKey("telegram", "main")
TOKEN = "1234567890:AAcanaryCANARYcanaryCANARYcanary012345"
ME = Me(1234567890, "FrontBot", names(views()))
ANN = {"id": 42, "is_bot": False, "first_name": "Ann", "last_name": "Lee", "language_code": "en"}
PRIVATE = {"id": 42, "type": "private", "first_name": "Ann"}
GROUP = {"id": -100500, "type": "supergroup", "title": "Friends"}
DATE = 1_790_000_000


@dataclass
class MemoryIntake:
    """Stores what is new, once, unless it was told to be away so many times; keeps the cursors as well."""

    away: int = 0
    say: str = ""
    stored: dict[str, Received] = field(default_factory=dict)
    positions: dict[str, str] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)

    async def receive(self, batch: Sequence[Received]) -> Sequence[Receipt]:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away", retry_after_s=1.5)
        self.batches.append(len(batch))
        return [self._take(received) for received in batch]

    async def of(self, account: AccountKey) -> Mapping[str, str]:
        assert account == ACCOUNT
        return self.positions

    def _take(self, received: Received) -> Receipt:
        if isinstance(received.cursor, Cursor):
            self.positions[received.cursor.place] = received.cursor.position
        if isinstance(received.event, Skipped):
            return Ignored(received.event.reason)
        repeated = received.key in self.stored
        self.stored.setdefault(received.key, received)
        match received.event:
            case Undecodable(reason):
                return DeadLettered(reason)
            case ButtonPressed():
                return Acted("conversation", repeated, self.say)
            case _:
                return Stored("conversation", len(self.stored), repeated)

    @property
    def texts(self) -> list[str]:
        return [received.event.text for received in self.stored.values() if hasattr(received.event, "text")]


class LogLines(list[dict[str, Any]]):
    """A module's log as a list of its events."""

    @classmethod
    def of(cls, module: str, patch: pytest.MonkeyPatch) -> "LogLines":
        lines = cls()
        patch.setattr(f"{module}.log", lines)
        return lines

    def info(self, event: str, **fields: Any) -> None:
        self.append({"event": event} | fields)

    warning = error = exception = info


Reply = tuple[int, Any]
Script = Callable[[TelegramMethod[Any]], Reply | BaseException]


class ScriptedSession(Session):
    """The real reading of replies, without a network: the script gives status and body (str as it is, else JSON) or raises."""

    def __init__(self, script: Script) -> None:
        super().__init__("https://api.telegram.org")
        self.asked: list[TelegramMethod[Any]] = []
        self._script = script

    async def make_request(self, bot: Bot, method: TelegramMethod[Any], timeout: float | None = None) -> Any:
        self.asked.append(method)
        reply = self._script(method)
        if isinstance(reply, BaseException):
            raise reply
        status, body = reply
        content = body if isinstance(body, str) else msgspec.json.encode(body).decode()
        return self.check_response(bot, method, status, content).result


def scripted(script: Script) -> tuple[Bot, ScriptedSession]:
    session = ScriptedSession(script)
    return Bot(TOKEN, session=session), session


def fine(result: Any = True) -> Reply:
    return 200, {"ok": True, "result": result}


def refused(code: int, description: str, **parameters: int) -> Reply:
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    return code, body | ({"parameters": parameters} if parameters else {})


def message(text: str | None = None, chat: dict[str, Any] = PRIVATE, **more: Any) -> dict[str, Any]:
    said = {"message_id": 7, "date": DATE, "chat": chat, "from": ANN} | ({} if text is None else {"text": text}) | more
    return {name: value for name, value in said.items() if value is not None}


def update(update_id: int = 5, **kind: Any) -> dict[str, Any]:
    return {"update_id": update_id, **kind}


def said(text: str, update_id: int = 5, **more: Any) -> dict[str, Any]:
    return update(update_id, message=message(text, **more))

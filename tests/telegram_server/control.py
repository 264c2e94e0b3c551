"""The stand-in's own face under `/_control/`, for load tests from other processes: a JSON object is posted, one comes back.

`bots {"name", "token"?, "reads_all"?}`; `users {"name"?, "id"?}`; `groups {"title", "users": [id], "bots": [token]?, "admins"?,
"forum"?}`; `say {"user", "text", "chat"?, "thread_id"?, "reply_to"?, "bot"?}` or `{"all": [...]}`; `press {"user", "chat",
"message_id", "button"?}`; `block`, `unblock`, `stop {"user", "bot"?}`; `fault {"kind", "method"?, "chat_id"?, "times"?, ...of the
fault}` (no kind: none any more); `log {"since", "what"?, "wait_s"?}`; `state {}`; `advance {"seconds"}`; `show {"chat",
"thread_id"?}`; `revoke {"bot"}`. A user not known yet is made by `say`; `bot` is a token and may be left out when there is one.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from tests.telegram_server.account import BotAccount
from tests.telegram_server.chat import Message
from tests.telegram_server.fault import Fault
from tests.telegram_server.group import Group
from tests.telegram_server.person import Person
from tests.telegram_server.refusal import Refusal

if TYPE_CHECKING:
    from tests.telegram_server.server import TelegramServer

MOST_WAIT_S = 30.0
FAULTS: dict[str, Callable[..., Fault]] = {
    "limit": Fault.limit, "error": Fault.error, "reset": Fault.reset, "lost_answer": Fault.lost_answer,
    "hang": Fault.hang, "html": Fault.html, "truncated": Fault.truncated, "slow": Fault.slow,
}  # fmt: skip
Given = dict[str, Any]


class Control:
    def __init__(self, server: "TelegramServer") -> None:
        self._server = server
        self._groups: dict[int, Group] = {}
        self._closed = False
        self._acts: dict[str, Callable[[Given], Any]] = {
            "bots": self._add_bot, "users": self._add_user, "groups": self._add_group, "say": self._say, "press": self._press,
            "block": self._block, "unblock": self._unblock, "stop": self._stop, "fault": self._fault, "state": self._state,
            "advance": self._advance, "show": self._show, "revoke": self._revoke,
        }  # fmt: skip

    async def act(self, name: str, body: bytes) -> bytes:
        """The JSON answer. Raises 404 for an unknown act and 400 for one that cannot be done."""
        try:
            given: Given = msgspec.json.decode(body, type=dict[str, Any]) if body else {}
            if name == "log":
                return msgspec.json.encode(await self._log(given))
            if name not in self._acts:
                raise Refusal(404, f"Not Found: {name}")
            return msgspec.json.encode(self._acts[name](given))
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise Refusal(400, f"Bad Request: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Waits for the log end."""
        self._closed = True
        self._server.changes.happened()

    def _add_bot(self, given: Given) -> Given:
        bot = self._server.add_bot(**given)
        return {"id": bot.id, "token": bot.token, "username": bot.username}

    def _add_user(self, given: Given) -> Given:
        person = self._server.add_user(given.get("name", "Ann"), user_id=given.get("id"))
        return {"id": person.id}

    def _add_group(self, given: Given) -> Given:
        people = [self._person(user_id) for user_id in given["users"]]
        bots, admins = ([self._server.bots[token] for token in given.get(name, ())] for name in ("bots", "admins"))
        group = self._server.add_group(given["title"], *people, bots=bots, admins=admins, forum=given.get("forum", False))
        self._groups[group.id] = group
        return {"id": group.id}

    def _say(self, given: Given) -> Given:
        if "all" in given:
            return {"message_ids": [self._said(each).message_id for each in given["all"]]}
        return {"message_id": self._said(given).message_id}

    def _said(self, given: Given) -> Message:
        to = self._place(given)
        thread_id = given.get("thread_id")
        topic = to.topic(thread_id) if isinstance(to, Group) and thread_id else None
        return self._person(given["user"]).say(given["text"], to=to, topic=topic, reply_to=given.get("reply_to"))

    def _press(self, given: Given) -> Given:
        press = self._person(given["user"]).press(given["message_id"], given.get("button", ""), to=self._place(given))
        return {"id": press.id}

    def _block(self, given: Given) -> Given:
        self._person(given["user"]).block(self._bot(given))
        return {}

    def _unblock(self, given: Given) -> Given:
        self._person(given["user"]).unblock(self._bot(given))
        return {}

    def _stop(self, given: Given) -> Given:
        return {"draft_id": self._person(given["user"]).stop_draft(to=self._bot(given)).draft_id}

    def _fault(self, given: Given) -> Given:
        if not given.get("kind"):
            self._server.misfortune.forget()
            return {}
        fault = FAULTS[given.pop("kind")]
        target = {name: given.pop(name) for name in ("method", "chat_id", "times") if name in given}
        self._server.fail_next(fault(**given), **target)
        return {}

    def _state(self, _given: Given) -> Given:
        server = self._server
        pending = {bot.username: len(bot.queue) for bot in server.bots.values()}
        counts = {name: dict(getattr(server, name)) for name in ("calls", "refused", "mended", "troubled")}
        return counts | {
            "broken_limits": server.broken_limits,
            "limited": server.limited,
            "log": server.log.count,
            "pending": pending,
        }

    def _advance(self, given: Given) -> Given:
        self._server.clock.advance(given["seconds"])
        return {}

    def _show(self, given: Given) -> Given:
        return {"texts": self._server.on_show(given["chat"], given.get("thread_id"))}

    def _revoke(self, given: Given) -> Given:
        (self._bot(given) or self._server.the_bot()).revoked = True
        return {}

    async def _log(self, given: Given) -> Given:
        """What was seen after `since`; with `wait_s` not before there is something."""
        since, wait_s = given.get("since", 0), min(given.get("wait_s", 0.0), MOST_WAIT_S)
        if wait_s:
            try:
                await self._server.changes.until(lambda: self._closed or self._server.log.count > since, wait_s)
            except TimeoutError:
                return {"count": self._server.log.count, "seen": []}
        seen = self._server.log.since(since)
        return {"count": self._server.log.count, "seen": [each for each in seen if given.get("what") in {None, each.what}]}

    def _bot(self, given: Given) -> BotAccount | None:
        return self._server.bots[given["bot"]] if "bot" in given else None

    def _place(self, given: Given) -> "Group | BotAccount | None":
        chat_id = given.get("chat", 0)
        return self._groups[chat_id] if chat_id < 0 else self._bot(given)

    def _person(self, user_id: int) -> Person:
        return self._server.people.get(user_id) or self._server.add_user(f"User {user_id}", user_id=user_id)

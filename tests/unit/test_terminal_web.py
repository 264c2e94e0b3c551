"""The terminal over the real web routes: lost replies, lost sessions, refusals, restarts. Nothing is lost, nothing repeated."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.terminal.chat import Refused
from adapters.terminal.session import Session
from adapters.terminal.web import WebChat
from bot.errors import SettingsError
from tests.terminal import piped, seated
from tests.web_desk import Room, silent
from tests.web_server import WebDesk


class OneToken:
    """A session's token kept in memory."""

    def __init__(self, token: str = "") -> None:
        self.token = token

    def load(self) -> str:
        return self.token

    def save(self, token: str) -> None:
        self.token = token


class Trouble:
    """Stands before the web routes. `cut`: so many replies to a message are lost after it was stored; `refuse` answers first."""

    def __init__(self, desk: WebDesk) -> None:
        self._app: ASGIApp = desk.server._app
        self._desk = desk
        self.cut = 0
        self.refuse: list[tuple[int, bytes]] = []
        self.messages = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].endswith("/messages"):
            await self._app(scope, receive, send)
            return
        self.messages += 1
        if self.refuse:
            status, body = self.refuse.pop(0)
            await send({"type": "http.response.start", "status": status, "headers": [(b"retry-after", b"0")]})
            await send({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, self._lossy(send) if self.cut else send)

    def _lossy(self, send: Send) -> Send:
        self.cut -= 1

        async def cut(message: Message) -> None:
            self._desk.server.cut()
            await send(message)

        return cut


@pytest.fixture
async def desk() -> AsyncIterator[WebDesk]:
    made = WebDesk()
    made.server._app = Trouble(made)
    async with made:
        yield made


@pytest.fixture
def trouble(desk: WebDesk) -> Trouble:
    assert isinstance(desk.server._app, Trouble)
    return desk.server._app


@pytest.fixture
def tokens() -> OneToken:
    return OneToken()


@asynccontextmanager
async def at(desk: WebDesk, tokens: OneToken, below: str = "") -> AsyncIterator[WebChat]:
    made = WebChat(desk.server.url + below, tokens)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def chat(desk: WebDesk, tokens: OneToken) -> AsyncIterator[WebChat]:
    async with at(desk, tokens) as made:
        yield made


def said(room: Room) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in room.turns]


async def test_questions_are_answered_in_turn(desk: WebDesk, chat: WebChat) -> None:
    assert await piped(chat, "one", "two") == ["bot: You said: one", "bot: You said: two"]


async def test_the_next_start_shows_what_was_said(desk: WebDesk, chat: WebChat, tokens: OneToken) -> None:
    await piped(chat, "one")
    async with at(desk, tokens) as later:
        assert await piped(later, "two") == ["you: one", "bot: You said: one", "bot: You said: two"]


async def test_a_message_whose_reply_is_lost_is_sent_again_and_stored_once(
    desk: WebDesk, chat: WebChat, trouble: Trouble
) -> None:
    trouble.cut = 2
    assert (await piped(chat, "hello")).count("bot: You said: hello") == 1
    assert said(desk.memory.only_room) == [("customer", "hello"), ("bot", "You said: hello")]
    assert trouble.messages == 3


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_a_passing_no_is_tried_again(desk: WebDesk, chat: WebChat, trouble: Trouble, status: int) -> None:
    trouble.refuse = [(status, b"{}")]
    assert await piped(chat, "hello") == ["bot: You said: hello"]


async def test_an_answer_that_is_no_json_is_tried_again(desk: WebDesk, chat: WebChat, trouble: Trouble) -> None:
    trouble.refuse = [(200, b"<p>Please log in to this network</p>")]
    assert await piped(chat, "hello") == ["bot: You said: hello"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 20_000, "too long"),  # 413
        ("x" * 3_000_000, "too long"),  # its connection is closed before it is read
        ("\u200b", "no text"),  # 422
    ],
)
async def test_a_message_that_cannot_be_taken_is_refused_and_the_talk_goes_on(
    desk: WebDesk, chat: WebChat, text: str, reason: str
) -> None:
    first, second = await piped(chat, text, "hello")
    assert (first.startswith("note: "), reason in first, second) == (True, True, "bot: You said: hello")


async def test_a_no_without_a_reason_is_told_too(chat: WebChat, trouble: Trouble) -> None:
    trouble.refuse = [(403, b"<p>Forbidden</p>")]
    assert await piped(chat, "hello") == ["note: The message was not accepted."]


async def test_a_session_that_is_gone_at_the_start_is_replaced(desk: WebDesk) -> None:
    async with at(desk, OneToken("of another time")) as stale:
        assert await piped(stale, "hello") == ["bot: You said: hello"]


async def test_a_session_lost_in_mid_talk_is_told_and_the_message_is_answered_in_a_new_one(desk: WebDesk, chat: WebChat) -> None:
    async with seated(chat, person=False) as (keys, paper, _):
        keys.type("one")
        await paper.until("bot: You said: one")
        former = desk.memory.only_room
        desk.memory.forget_sessions()  # and the open stream of the old one goes on in silence
        keys.type("two")
        await paper.until("bot: You said: two")
    assert paper.lines[1] == "note: The former conversation is not kept there any more. This is a new one."
    rooms = [said(room) for room in desk.memory.rooms.values() if room is not former]
    assert rooms == [[("customer", "two"), ("bot", "You said: two")]]


async def test_two_who_meet_the_same_refusal_open_one_session(desk: WebDesk, tokens: OneToken) -> None:
    session = Session(desk.server.url, tokens)
    first, second = await asyncio.gather(session.renew(""), session.renew(""))
    assert (first, len(desk.memory.rooms)) == (second, 1)
    await session.close()


async def test_what_waited_in_a_lost_session_is_not_waited_for(desk: WebDesk, chat: WebChat) -> None:
    desk.memory.answerer = silent
    async with seated(chat, person=True) as (keys, paper, screen):
        keys.type("one")
        await paper.until("note")
        await _until_taken(screen)
        desk.memory.forget_sessions()
        desk.server.cut()
        await paper.until("not kept")
    assert not screen._exchange.talk.waits


async def test_a_message_of_another_window_is_shown_with_its_answer(desk: WebDesk, chat: WebChat, tokens: OneToken) -> None:
    await chat.history()
    async with seated(chat) as (_, paper, _screen), at(desk, tokens) as other:
        await piped(other, "from the phone")
        await paper.until("bot: You said: from the phone")
    assert "you: from the phone" in paper.lines


async def test_a_restart_costs_and_repeats_nothing(desk: WebDesk, chat: WebChat) -> None:
    async with seated(chat, person=False) as (keys, paper, _):
        keys.type("one")
        await paper.until("bot: You said: one")
        await desk.server.stop()
        keys.type("two")
        await paper.until("The connection is lost.")
        await desk.server.start()
        await paper.until("The connection is back.")
    assert [line for line in paper.lines if line.startswith("bot")] == ["bot: You said: one", "bot: You said: two"]


async def test_a_connection_that_stands_again_at_once_is_no_news(desk: WebDesk, chat: WebChat) -> None:
    async with seated(chat, person=False) as (keys, paper, _):
        keys.type("one")
        await paper.until("bot: You said: one")
        desk.server.cut()
        keys.type("two")
    assert paper.lines == ["bot: You said: one", "bot: You said: two"]


async def test_what_is_missed_while_the_log_was_cut_is_taken_from_the_record(desk: WebDesk, chat: WebChat) -> None:
    async with seated(chat) as (keys, paper, _):
        keys.type("one")
        await paper.until("bot: You said: one")
        room = desk.memory.only_room
        room.name = "restored"  # no cursor of before is known any more
        room.add("agent", "Can I help?")
        desk.server.cut()
        await paper.until("agent: Can I help?")
    assert [line for line in paper.lines if "one" in line] == ["bot: You said: one"]


async def test_edits_and_deletions_are_told(desk: WebDesk, chat: WebChat) -> None:
    async with seated(chat) as (keys, paper, _):
        keys.type("one")
        await paper.until("bot: You said: one")
        desk.memory.only_room.edit(2, "better")
        desk.memory.only_room.delete(1)
        await paper.until("Message 1 was deleted.")
    assert "bot, changed: better" in paper.lines


async def test_a_stop_reaches_the_instance(desk: WebDesk, chat: WebChat) -> None:
    desk.memory.answerer = silent
    async with seated(chat) as (keys, _, screen):
        keys.type("a long story")
        await _until_taken(screen)
        screen.interrupt()
    assert [getattr(event, "name", "") for event in desk.memory.only_room.log][-1] == "stopped"


async def test_a_server_that_is_no_frontdesk_is_named(desk: WebDesk) -> None:
    async with at(desk, OneToken(), "/elsewhere") as stranger:
        with pytest.raises(SettingsError, match="is it a Frontdesk"):
            await stranger.history()


async def test_a_refusal_is_a_value(chat: WebChat) -> None:
    await chat.history()
    assert await chat.say("") == Refused("The message has no text.")


async def _until_taken(screen: Any) -> None:
    talk = screen._exchange
    await talk._until(lambda: talk.talk.open and not talk.talk.unsent)

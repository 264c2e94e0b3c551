"""What a visitor says over the chat API: stored once and acknowledged, or refused with a clear word."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.views import ButtonView
from tests.web_desk import silent
from tests.web_server import Visit, WebDesk

LIMIT = 16_384


@pytest.fixture
async def desk() -> AsyncIterator[WebDesk]:
    async with WebDesk() as running:
        yield running


@pytest.fixture
async def ann(desk: WebDesk) -> Visit:
    return await desk.visit()


def message(text: Any, client_id: Any = "one") -> bytes:
    return json.dumps({"id": client_id, "text": text}).encode()


REFUSED = [
    (b"", 422, "invalid"),  # no body has no id
    (b"hello", 400, "malformed"),
    (b'{"id": "one", "text": "cut', 400, "malformed"),
    (b'{"id": "one", "text": "\xff"}', 400, "malformed"),  # not UTF-8
    (b'{"id": "one", "text": "\\ud800"}', 400, "malformed"),  # a lone surrogate is no character
    (b'{"id": "one", "text": "\\ude00\\ud83d"}', 400, "malformed"),  # the wrong way round
    (b'{"id": "one", "text": "a", "x": ' + b"[" * 60_000 + b"}", 400, "malformed"),  # deep
    (b"[]", 422, "invalid"),
    (b"null", 422, "invalid"),
    (b'{"id": "one"}', 422, "invalid"),
    (message(7), 422, "invalid"),
    (message(None), 422, "invalid"),
    (message("hello", 7), 422, "invalid"),
    (message("hello", ""), 422, "invalid"),
    (message("hello", "x" * 129), 422, "invalid"),
    (message("hello", "a\nb"), 422, "invalid"),
    (message("hello", "a\x00b"), 422, "invalid"),
    (message(""), 422, "empty"),
    (message(" \t\n\u00a0\u3000"), 422, "empty"),
    (message("\u200b\u200d\u2060\ufeff"), 422, "empty"),  # invisible formatting
    (message("\x00\x07\x1b"), 422, "empty"),  # nothing is left of control characters
    (message("x" * (LIMIT + 1)), 413, "too_long"),
    (message("é" * (LIMIT // 2 + 1)), 413, "too_long"),  # bytes count, not characters
    (message("x" * 1_048_576), 413, "too_long"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED, ids=[f"{body[:40]!r}-{code}" for body, _, code in REFUSED])
async def test_bad_input_is_refused_with_a_clear_word_and_stores_nothing(
    desk: WebDesk, ann: Visit, body: bytes, status: int, code: str
) -> None:
    answered, refusal = await ann.post("messages", body)
    assert (answered, refusal["error"]["code"]) == (status, code)
    assert refusal["error"]["message"]
    assert desk.memory.received == []


ACCEPTED = [
    ("hello", "hello"),
    ("x" * 10_000, "x" * 10_000),  # one long word
    ("x" * LIMIT, "x" * LIMIT),
    ("a\x00b\x1b[31mred\x7f\x85", "ab[31mred"),  # control characters are taken out
    ("one\r\ntwo\rthree\n\tfour", "one\ntwo\nthree\n\tfour"),
    (
        "\u202e\u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
        "\u202e\u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    ),  # right to left stays as it is
    ("😀 👩‍👩‍👧", "😀 👩‍👩‍👧"),
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # text is text
]


@pytest.mark.parametrize(("sent", "stored"), ACCEPTED, ids=[repr(sent[:20]) for sent, _ in ACCEPTED])
async def test_odd_text_is_taken_and_shown_as_text(ann: Visit, sent: str, stored: str) -> None:
    assert await ann.say(sent) == 1
    page = await ann.turns()
    assert page["turns"][0]["text"] == stored


async def test_a_body_without_a_length_is_cut_off_at_the_bound(desk: WebDesk, ann: Visit) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 50_000_000:
            sent += 65_536
            yield b"x" * 65_536

    async with desk.http.post("/api/chat/messages", data=endless(), headers=ann.headers) as response:
        assert response.status == 413
    assert sent < 5_000_000


async def test_the_same_id_and_text_are_answered_the_same_and_stored_once(ann: Visit) -> None:
    assert [await ann.say("hello", "one") for _ in range(3)] == [1, 1, 1]
    assert len((await ann.turns())["turns"]) == 2


async def test_the_same_id_with_another_text_is_a_conflict(ann: Visit) -> None:
    await ann.say("hello", "one")
    status, body = await ann.post("messages", {"id": "one", "text": "goodbye"})
    assert (status, body["error"]["code"]) == (409, "conflict")


async def test_two_sessions_may_use_the_same_id(desk: WebDesk, ann: Visit) -> None:
    bob = await desk.visit()
    assert (await ann.say("from ann", "one"), await bob.say("from bob", "one")) == (1, 1)


async def test_a_command_is_acknowledged_without_a_seq(ann: Visit) -> None:
    assert await ann.say("/stop") is None


async def test_nothing_is_acknowledged_while_the_store_is_away(desk: WebDesk, ann: Visit) -> None:
    desk.memory.away = True
    for path in ("messages", "stop", "new", "rate"):
        body = {"id": "one", "text": "hello", "turn": "x", "value": 1}
        async with desk.http.post(f"/api/chat/{path}", json=body, headers=ann.headers) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert (await response.json())["error"]["code"] == "unavailable"
    for path in ("turns", "events"):
        async with desk.http.get(f"/api/chat/{path}", headers=ann.headers) as response:
            assert response.status == 503
    async with desk.http.post("/api/chat/sessions") as response:
        assert response.status == 503


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", "Basic abc", "Bearer " + "x" * 5000, "Bearer é"])
@pytest.mark.parametrize(("method", "path"), [("POST", "messages"), ("GET", "events"), ("GET", "turns"), ("POST", "new")])
async def test_a_wrong_token_is_401(desk: WebDesk, method: str, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with desk.http.request(method, f"/api/chat/{path}", json={"id": "a", "text": "b"}, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await response.json())["error"]["code"] == "unauthorized"


async def test_a_new_conversation_starts_empty_and_is_named(ann: Visit) -> None:
    await ann.say("hello")
    status, opened = await ann.post("new")
    page = await ann.turns()
    assert (status, page["turns"], page["conversation"]) == (201, [], opened["conversation"])
    assert opened["conversation"] != ann.conversation


async def test_a_bot_turn_can_be_rated_and_nothing_else(desk: WebDesk, ann: Visit) -> None:
    await ann.say("hello")
    asked, answered = (await ann.turns())["turns"]
    assert await ann.post("rate", {"turn": answered["id"], "value": -1, "reason": "too short\x00"}) == (204, None)
    assert [(rating.value, rating.reason) for rating in desk.memory.ratings] == [(-1, "too short")]
    for body, wanted in [
        ({"turn": asked["id"], "value": 1}, 404),
        ({"turn": "nobody", "value": 1}, 404),
        ({"turn": answered["id"], "value": 2}, 422),
        ({"turn": answered["id"], "value": 1, "reason": "x" * 1001}, 422),
        ({"turn": "", "value": 1}, 422),
    ]:
        assert (await ann.post("rate", body))[0] == wanted


async def test_a_pressed_button_says_its_label_once(desk: WebDesk, ann: Visit) -> None:
    desk.memory.answerer = silent
    desk.memory.only_room.add("system", "Nobody is here.", buttons=(ButtonView("stay", "Continue with the bot"),))
    for _ in range(2):
        assert await ann.post("press", {"id": "one", "button": "stay"}) == (202, {})
    assert [turn["text"] for turn in (await ann.turns())["turns"]] == ["Nobody is here.", "Continue with the bot"]
    assert (await ann.post("press", {"id": "two", "button": "gone"}))[0] == 404


@pytest.mark.parametrize(
    ("after", "status"), [("0", 200), ("1", 200), ("9" * 20, 200), ("-1", 422), ("x", 422), ("1.5", 422), ("²", 422)]
)
async def test_turns_are_read_after_a_seq(desk: WebDesk, ann: Visit, after: str, status: int) -> None:
    async with desk.http.get("/api/chat/turns", params={"after": after}, headers=ann.headers) as response:
        assert response.status == status


async def test_wrong_methods_and_paths_are_refused_as_json(desk: WebDesk, ann: Visit) -> None:
    async with desk.http.get("/api/chat/messages", headers=ann.headers) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert (await response.json())["error"]["code"] == "method_not_allowed"
    async with desk.http.delete("/api/chat/nothing") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (404, "not_found")

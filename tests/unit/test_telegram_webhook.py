"""The webhook's door, spoken to as an ASGI server would: who is let in, what is stored, and what Telegram is told."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette

from adapters.telegram.acknowledging import Acknowledger
from adapters.telegram.addressing import Me
from adapters.telegram.reception import Reception
from adapters.telegram.webhook import MOST_BYTES, SECRET_HEADER, Webhook
from bot.events import Undecodable
from tests.telegram_double import ACCOUNT, ME, MemoryIntake, fine, said, scripted
from tests.unit.test_telegram_translate import NOW

SECRET = b"s3cret_-x"
GOOD = [(SECRET_HEADER, SECRET)]
Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Scene:
    def __init__(self, *, away: int = 0, me: Me | None = ME) -> None:
        self.intake, self.me, self.counts = MemoryIntake(away=away), me, Counter[str]()
        bot, self.session = scripted(lambda _: fine())
        reception = Reception(ACCOUNT, self.intake, Acknowledger(bot, self.counts), lambda: NOW)
        self.app = Starlette(routes=Webhook("main", SECRET.decode(), reception, self._identify, self.counts).routes())

    async def _identify(self) -> Me | None:
        return self.me

    async def post(
        self, body: bytes | list[bytes], headers: Headers = GOOD, *, method: str = "POST", path: str = "/telegram/main"
    ) -> Answer:
        pieces = body if isinstance(body, list) else [body]
        messages = [{"type": "http.request", "body": piece, "more_body": piece is not pieces[-1]} for piece in pieces]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"mark=1", "root_path": "",
            "scheme": "https", "http_version": "1.1", "headers": list(headers), "client": ("1.2.3.4", 5), "server": ("x", 443),
        }  # fmt: skip
        await self.app(scope, receive, send)
        start = sent[0]
        return Answer(start["status"], dict(start["headers"]), b"".join(one.get("body", b"") for one in sent[1:]))


def body(text: str = "hello", update_id: int = 5) -> bytes:
    return json.dumps(said(text, update_id)).encode()


async def test_an_update_is_stored_and_then_answered_with_nothing_that_could_be_a_method() -> None:
    scene = Scene()
    answer = await scene.post(body())
    assert (answer.status, answer.body) == (200, b"")
    assert scene.intake.texts == ["hello"]


@pytest.mark.parametrize(
    "headers",
    [
        [],  # none
        [(SECRET_HEADER, b"")],
        [(SECRET_HEADER, b"wrong")],
        [(SECRET_HEADER, SECRET + b"x")],
        [(SECRET_HEADER, SECRET.upper())],
        [(SECRET_HEADER, "gehéim".encode())],  # an exception, where text is compared
        [(SECRET_HEADER, b"\xff\xfe\x00")],
        [(SECRET_HEADER, SECRET), (SECRET_HEADER, SECRET)],  # twice
        [(SECRET_HEADER, b"wrong"), (SECRET_HEADER, SECRET)],
        [(b"authorization", SECRET)],
    ],
)
async def test_who_does_not_know_the_secret_is_turned_away_and_nothing_is_read(headers: Headers) -> None:
    scene = Scene()
    answer = await scene.post(body(), headers)
    assert (answer.status, answer.body, scene.counts["strangers"]) == (401, b"", 1)
    assert scene.intake.stored == {}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_posting_is_possible(method: str) -> None:
    assert (await Scene().post(body(), method=method)).status == 405


async def test_another_account_is_not_here() -> None:
    assert (await Scene().post(body(), path="/telegram/other")).status == 404


async def test_while_nothing_can_be_stored_telegram_is_asked_to_come_again() -> None:
    scene = Scene(away=1)
    answer = await scene.post(body())
    assert answer.status == 503
    assert answer.headers[b"retry-after"] == b"2"  # whole seconds, 1.5 rounded up
    assert (await scene.post(body())).status == 200
    assert scene.intake.texts == ["hello"]


async def test_before_the_bot_knows_its_own_name_telegram_is_asked_to_come_again() -> None:
    scene = Scene(me=None)
    answer = await scene.post(body())
    assert (answer.status, answer.headers[b"retry-after"]) == (503, b"5")
    assert scene.intake.stored == {}


async def test_a_repeated_update_is_stored_once_and_answered_as_well() -> None:
    scene = Scene()
    for _ in range(2):
        assert (await scene.post(body())).status == 200
    assert scene.intake.texts == ["hello"]


@pytest.mark.parametrize("poison", [b"", b"{", b"null", b"[1]", b"\xff", b'{"update_id":5,"message":7}', b"[" * 100_000])
async def test_what_cannot_be_read_is_kept_and_does_not_come_again(poison: bytes) -> None:
    scene = Scene()
    assert (await scene.post(poison)).status == 200
    [kept] = scene.intake.stored.values()
    assert isinstance(kept.event, Undecodable)


async def test_a_body_in_pieces_is_one_update() -> None:
    scene = Scene()
    whole = body("in pieces")
    assert (await scene.post([whole[:9], whole[9:40], whole[40:]])).status == 200
    assert scene.intake.texts == ["in pieces"]


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_beyond_the_bound_is_refused(declared: bool) -> None:
    scene = Scene()
    length = [(b"content-length", str(MOST_BYTES + 1).encode())] if declared else []
    pieces = [b"x"] if declared else [b" " * (MOST_BYTES // 2), b" " * (MOST_BYTES // 2), b"x"]
    assert (await scene.post(pieces, [*GOOD, *length])).status == 413
    assert scene.intake.stored == {}


async def test_a_body_that_was_cut_off_is_not_stored() -> None:
    scene = Scene()
    pieces = [b'{"update_id":5', b""]
    messages = [{"type": "http.request", "body": pieces[0], "more_body": True}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/telegram/main", "raw_path": b"", "query_string": b"", "root_path": "",
        "scheme": "https", "http_version": "1.1", "headers": GOOD, "client": ("1.2.3.4", 5), "server": ("x", 443),
    }  # fmt: skip
    await scene.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert scene.intake.stored == {}

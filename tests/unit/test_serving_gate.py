"""The door of an engine: who passes, what is refused, when health says yes."""

import json
import time
from typing import Any

import pytest

from serving.engine.admission import BACKGROUND, DRAFT, LIVE, Admission
from serving.engine.gate import ROUTES, Gate, Message, Readiness, Receive, Scope, Send
from serving.order import Task

KEY = "a-long-secret"
CHAT = "/v1/chat/completions"
ASKED = b'{"messages": []}'
EMBED = "/v1/embeddings"
EMBEDDED = b'{"input": "a"}'


class Inner:
    """The application behind the gate: tells what came through."""

    def __init__(self, status: int = 200, kind: bytes = b"application/json") -> None:
        self.seen: list[tuple[str, bytes]] = []
        self.then: list[Message] = []
        self._start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"] if scope["method"] == "POST" else b""
        self.seen.append((scope["path"], body))
        if scope["method"] == "POST":
            self.then.append(await receive())
        await send(self._start)
        await send({"type": "http.response.body", "body": b"{}"})


async def call(
    gate: Gate,
    path: str,
    *,
    method: str = "POST",
    key: str | None = KEY,
    client: str | None = "127.0.0.1",
    chunks: tuple[bytes, ...] = (ASKED,),
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> tuple[int, dict[str, Any]]:
    sent: list[Message] = []
    said = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    queue: list[Message] = [*said, {"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return queue.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    given = [(b"authorization", f"Bearer {key}".encode())] if key is not None else []
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [*given, *headers],
        "client": (client, 5000) if client else None,
    }
    await gate(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


def gate(
    inner: Inner | None = None,
    *,
    ready: bool = True,
    most: int = 100,
    admission: Admission | None = None,
    task: Task = "generate",
) -> Gate:
    admission = admission or Admission(4, 2, time.monotonic)
    return Gate(inner or Inner(), KEY, Readiness(ready), admission, routes=ROUTES[task], max_body_bytes=most)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, ASKED),
        ("/v1/completions", b'{"prompt": "a"}'),
        ("/tokenize", b'{"prompt": "a"}'),
        ("/detokenize", b'{"tokens": [1]}'),
    ],
)
async def test_the_key_opens_the_generating_and_counting_routes(path: str, body: bytes) -> None:
    inner = Inner()
    assert (await call(gate(inner), path, chunks=(body[:5], body[5:])))[0] == 200
    assert inner.seen == [(path, body)]


@pytest.mark.parametrize(("path", "body"), [(CHAT, ASKED), ("/v1/completions", b'{"prompt": "a"}'), (EMBED, EMBEDDED)])
async def test_an_engine_takes_what_its_task_is_and_nothing_else(path: str, body: bytes) -> None:
    answers = [(await call(gate(task=task), path, chunks=(body,)))[0] for task in ("generate", "embed")]
    assert answers == ([404, 200] if path == EMBED else [200, 404])


async def test_an_embedding_makes_an_engine_that_embeds_healthy() -> None:
    door = gate(ready=False, task="embed")
    assert (await call(door, "/health", method="GET"))[0] == 503
    await call(door, EMBED, chunks=(EMBEDDED,))
    assert (await call(door, "/health", method="GET"))[0] == 200


async def test_many_texts_in_the_background_are_one_request_of_it() -> None:
    body = json.dumps({"input": ["a"] * 100, "priority": BACKGROUND}).encode()
    admission = Admission(4, 1, time.monotonic)
    assert (await call(gate(most=1000, task="embed", admission=admission), EMBED, chunks=(body,)))[0] == 200
    admission.enter(BACKGROUND, 1, None)
    assert (await call(gate(most=1000, task="embed", admission=admission), EMBED, chunks=(body,)))[0] == 503


async def test_what_is_out_of_bounds_is_refused_by_name_and_never_seen_by_the_engine() -> None:
    inner = Inner()
    status, told = await call(gate(inner), CHAT, chunks=(b'{"messages": [], "chat_template": "{{ x }}"}',))
    assert (status, inner.seen) == (400, [])
    assert "`chat_template`" in told["error"]["message"]


async def test_the_disconnect_behind_the_body_still_reaches_the_application() -> None:
    inner = Inner()
    await call(gate(inner), CHAT)
    assert inner.then == [{"type": "http.disconnect"}]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", CHAT),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1//chat/completions"),
        ("POST", "/invocations"),
        ("GET", "/docs"),
        ("POST", "/health"),
        ("OPTIONS", "/v1/models"),
        ("POST", "/v1/load_lora_adapter"),
    ],
)
async def test_everything_else_is_not_there_even_with_the_key(method: str, path: str) -> None:
    inner = Inner()
    assert (await call(gate(inner), path, method=method))[0] == 404
    assert inner.seen == []


@pytest.mark.parametrize("key", [None, "", "wrong", KEY + "x", KEY[:-1], "ключ"])
async def test_a_missing_or_wrong_key_is_refused(key: str | None) -> None:
    inner = Inner()
    status, told = await call(gate(inner), CHAT, key=key)
    assert (status, told["error"]["code"], inner.seen) == (401, 401, [])


@pytest.mark.parametrize("path", ["/health", "/metrics"])
@pytest.mark.parametrize(
    ("client", "expected"),
    [("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("192.0.2.7", 401), (None, 401), ("not an address", 401)],
)
async def test_health_and_metrics_are_open_on_loopback_only(path: str, client: str | None, expected: int) -> None:
    assert (await call(gate(), path, method="GET", key=None, client=client))[0] == expected


async def test_open_health_is_open_to_all_and_nothing_else_is() -> None:
    opened = Gate(Inner(), KEY, Readiness(True), Admission(4, 2, time.monotonic), open_health=True)
    assert (await call(opened, "/health", method="GET", key=None, client="192.0.2.7"))[0] == 200
    assert (await call(opened, "/metrics", method="GET", key=None, client="192.0.2.7"))[0] == 401


async def test_health_and_metrics_open_with_the_key_from_anywhere() -> None:
    assert (await call(gate(), "/metrics", method="GET", client="192.0.2.7"))[0] == 200


async def test_a_body_over_the_bound_is_refused_by_its_announced_length() -> None:
    inner = Inner()
    assert (await call(gate(inner), CHAT, headers=((b"content-length", b"101"),)))[0] == 413
    assert inner.seen == []


async def test_a_body_over_the_bound_is_refused_while_it_arrives() -> None:
    inner = Inner()
    assert (await call(gate(inner), CHAT, chunks=(b"x" * 60, b"x" * 41)))[0] == 413
    assert inner.seen == []


async def test_a_body_of_exactly_the_bound_passes() -> None:
    padding = b" " * (100 - len(ASKED))
    assert (await call(gate(), CHAT, chunks=(padding, ASKED)))[0] == 200


async def test_health_says_no_until_a_token_was_generated() -> None:
    door = gate(ready=False)
    assert (await call(door, "/health", method="GET"))[0] == 503
    await call(door, "/tokenize", chunks=(b'{"prompt": "a"}',))
    assert (await call(door, "/health", method="GET"))[0] == 503
    await call(door, CHAT)
    assert (await call(door, "/health", method="GET"))[0] == 200


@pytest.mark.parametrize(
    "inner",
    [Inner(status=503), Inner(kind=b"text/event-stream")],
    ids=["a refusal", "a stream, whose 200 comes before its first token"],
)
async def test_what_proves_no_token_does_not_make_it_healthy(inner: Inner) -> None:
    door = gate(inner, ready=False)
    await call(door, CHAT)
    assert (await call(door, "/health", method="GET"))[0] == 503


async def test_websockets_are_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await gate()({"type": "websocket", "path": "/v1/realtime", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_place_is_held_while_the_engine_works_and_given_back_whatever_it_does() -> None:
    admission = Admission(4, 2, time.monotonic)

    class Failing(Inner):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            assert admission.here == 3
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await call(gate(Failing(), admission=admission), CHAT, chunks=(b'{"messages": [], "n": 3}',))
    assert admission.here == 0


@pytest.mark.parametrize(("kind", "waits"), [(b"text/event-stream; charset=utf-8", True), (b"application/json", False)])
async def test_the_first_piece_of_a_stream_tells_that_a_slot_is_held(kind: bytes, waits: bool) -> None:
    admission = Admission(1, 1, time.monotonic)
    for _ in range(4):  # ends that were seen while the slot was taken
        admission.leave(admission.enter(DRAFT, 1, None))

    class Asking(Inner):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await super().__call__(scope, receive, send)
            assert (admission.wait_s(LIVE) > 0) is waits

    asked = json.dumps({"messages": [], "priority": 20, "stream": waits}).encode()
    await call(gate(Asking(kind=kind), admission=admission), CHAT, chunks=(asked,))


async def test_a_stream_that_was_given_up_before_its_first_piece_is_no_end_of_an_answer() -> None:
    admission = Admission(1, 1, time.monotonic)

    class Leaving(Inner):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise ConnectionResetError

    for _ in range(8):
        with pytest.raises(ConnectionResetError):
            await call(gate(Leaving(), admission=admission), CHAT, chunks=(b'{"messages": [], "stream": true}',))
    admission.enter(LIVE, 1, None)
    assert admission.wait_s(LIVE) == 0


async def test_whoever_cannot_be_taken_hears_when_to_come_again_and_the_engine_nothing() -> None:
    inner, admission = Inner(), Admission(4, 1, time.monotonic)
    admission.enter(BACKGROUND, 1, None)
    body = json.dumps({"messages": [], "priority": BACKGROUND}).encode()
    status, told = await call(gate(inner, admission=admission), CHAT, chunks=(body,))
    assert (status, inner.seen) == (503, [])
    assert "background" in told["error"]["message"]


@pytest.mark.parametrize(
    ("told", "status"), [(b"0", 200), (b"1.5", 200), (b"-1", 400), (b"soon", 400), (b"inf", 400), (b"nan", 400)]
)
async def test_a_deadline_is_a_number_of_seconds(told: bytes, status: int) -> None:
    assert (await call(gate(), CHAT, headers=((b"x-deadline-s", told),)))[0] == status

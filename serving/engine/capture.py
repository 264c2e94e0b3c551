"""ASGI from the inside: an answer of an application as a value, a request of our own to it, a JSON answer of our own."""

import json
from typing import Any

from serving.engine.gate import App, Message, Receive, Scope, Send, replayed

INSIDE: Scope = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"content-type", b"application/json")],
    "client": ("127.0.0.1", 0),
    "server": ("127.0.0.1", 0),
}


async def captured(app: App, scope: Scope, receive: Receive) -> tuple[int, bytes]:
    """Status and body of what the application answers; the body is held whole, so ask only for short ones."""
    status, body = 500, bytearray()

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return status, bytes(body)


async def posted(app: App, path: str, document: Any) -> tuple[int, bytes]:
    """POST a JSON document to the application past its gate."""
    body = json.dumps(document).encode()
    scope = with_body({**INSIDE, "path": path, "raw_path": path.encode(), "state": {}}, body)
    return await captured(app, scope, replayed(body, _gone))


async def replied(send: Send, document: Any, status: int = 200) -> None:
    """Answer with a JSON document."""
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def with_body(scope: Scope, body: bytes) -> Scope:
    """The scope of the same request with another body."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", b"%d" % len(body))]}


async def _gone() -> Message:
    return {"type": "http.disconnect"}

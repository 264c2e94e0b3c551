"""The OpenAPI document of the chat API, made from the shapes that the endpoints decode and encode."""

from functools import cache
from typing import Any

import msgspec

from adapters.web.controls import ConversationOpened, Press, Rating
from adapters.web.frames import Gone, Status
from adapters.web.messages import Accepted, Message
from adapters.web.sessions import Arrival, SessionOpened
from adapters.web.turns import TurnsPage
from bot.views import PreviewShown, TurnView


class ErrorDetail(msgspec.Struct):
    code: str
    message: str


class Error(msgspec.Struct):
    error: ErrorDetail


SHAPES: tuple[type, ...] = (
    *(Arrival, SessionOpened, Message, Accepted, TurnsPage, TurnView),
    *(Rating, Press, ConversationOpened, Status, Gone, PreviewShown, Error),
)
SENTENCES = {
    400: "Not JSON in UTF-8, or an unknown cursor",
    401: "The session is unknown or has expired",
    403: "The origin is not allowed, or the signature is wrong",
    404: "There is no such turn or button",
    408: "The body did not arrive in time",
    409: "The id was used before with another content",
    413: "Too long",
    422: "Empty, or another shape",
    429: "Too many requests; Retry-After says when",
    503: "Nothing was stored; Retry-After says when to send it again",
}
EVERY = (401, 403, 429, 503)
BODY = (400, 408, 413, 422)
STREAM = (
    "Server-sent events. Logged, with an opaque cursor in `id:`: `turn` and `turn.edited` (TurnView), `turn.deleted` (Gone), "
    '`status` (Status). Not logged, without `id:`: `preview` (PreviewShown: the whole text so far, "" while thinking), '
    "`preview.gone`, `status` with the name `waiting` (the place in line while the wait is long), "
    '`error` ({"code"}: the stream ends). A comment line arrives at least every 15 seconds.'
)


@cache
def document() -> bytes:
    """The document as JSON, the same bytes each time."""
    _, components = msgspec.json.schema_components(SHAPES, ref_template="#/components/schemas/{name}")
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "openapi": "3.1.0",
                "info": {"title": "Frontdesk web chat", "version": "1"},
                "paths": _paths(),
                "components": {"schemas": components, "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}}},
            }
        )
    )


def _paths() -> dict[str, Any]:
    return {
        "/api/chat/sessions": {
            "post": _operation("Open a session", 201, SessionOpened, body=Arrival, refusals=BODY, public=True)
        },
        "/api/chat/messages": {"post": _operation("Say something", 202, Accepted, body=Message, refusals=(*BODY, 409))},
        "/api/chat/events": {"get": _stream()},
        "/api/chat/turns": {"get": _turns()},
        "/api/chat/stop": {"post": _operation("Stop the answer being made", 202, None)},
        "/api/chat/new": {"post": _operation("Begin a new conversation", 201, ConversationOpened)},
        "/api/chat/rate": {"post": _operation("Rate a bot turn", 204, None, body=Rating, refusals=(*BODY, 404))},
        "/api/chat/press": {"post": _operation("Press a button under a turn", 202, None, body=Press, refusals=(*BODY, 404, 409))},
    }


def _operation(
    summary: str,
    status: int,
    answer: type | None,
    *,
    body: type | None = None,
    refusals: tuple[int, ...] = (),
    public: bool = False,
) -> dict[str, Any]:
    codes = sorted({*EVERY, *refusals} - ({401} if public else set()))
    done: dict[str, Any] = {"description": "Done"}
    if answer is not None:
        done["content"] = _json(answer)
    elif status != 204:
        done["content"] = {"application/json": {"schema": {"type": "object", "maxProperties": 0}}}
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {str(status): done, **{str(code): _refusal(code) for code in codes}},
    }
    if body is not None:
        operation["requestBody"] = {"required": body is not Arrival, "content": _json(body)}
    return operation | ({} if public else {"security": [{"session": []}]})


def _turns() -> dict[str, Any]:
    after = {
        "name": "after",
        "in": "query",
        "description": "Leave out turns up to this seq",
        "schema": {"type": "integer", "minimum": 0},
    }
    return _operation("Read the current conversation", 200, TurnsPage, refusals=(422,)) | {"parameters": [after]}


def _stream() -> dict[str, Any]:
    where = (("Last-Event-ID", "header"), ("cursor", "query"))
    text = {"type": "string"}
    operation = _operation("Follow the conversation", 200, None, refusals=(400,))
    operation["description"] = STREAM
    operation["parameters"] = [
        {"name": name, "in": place, "description": "Resume after this cursor", "schema": text} for name, place in where
    ]
    operation["responses"]["200"] = {
        "description": "Events until the client goes",
        "content": {"text/event-stream": {"schema": text}},
    }
    return operation


def _refusal(code: int) -> dict[str, Any]:
    return {"description": SENTENCES[code], "content": _json(Error)}


def _json(shape: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}}

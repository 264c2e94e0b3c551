"""Refusals: everything the API says no with, in one JSON shape `{"error": {"code", "message"}}`."""

import math
from collections.abc import Mapping

import msgspec
from starlette.responses import Response

API_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Refusal(Exception):
    """A request that is not done. `code` is a stable word for programs, `message` a sentence for people."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        return json_response({"error": {"code": self.code, "message": self.message}}, self.status, self.headers)


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Any dataclass, struct or plain value as a JSON response that no cache keeps."""
    return Response(msgspec.json.encode(body), status, {**API_HEADERS, **(headers or {})}, "application/json")


def malformed(message: str) -> Refusal:
    return Refusal(400, "malformed", message)


def invalid(message: str) -> Refusal:
    return Refusal(422, "invalid", message)


def blank() -> Refusal:
    return Refusal(422, "empty", "The message has no text.")


def too_long(limit: int) -> Refusal:
    return Refusal(413, "too_long", f"The message is too long: at most {limit} bytes of UTF-8 text.")


def unauthorized() -> Refusal:
    headers = {"WWW-Authenticate": 'Bearer realm="frontdesk"'}
    return Refusal(401, "unauthorized", "The session is unknown or has expired: open a new one.", headers)


def forbidden(code: str, message: str) -> Refusal:
    return Refusal(403, code, message)


def not_found(message: str = "There is nothing here.") -> Refusal:
    return Refusal(404, "not_found", message)


def wrong_method(allowed: str) -> Refusal:
    return Refusal(405, "method_not_allowed", f"Use {allowed}.", {"Allow": allowed})


def too_slow() -> Refusal:
    return Refusal(408, "timeout", "The request body did not arrive in time.", {"Connection": "close"})


def conflict() -> Refusal:
    return Refusal(409, "conflict", "This id was used before with another content.")


def too_many(after_s: float) -> Refusal:
    return Refusal(429, "too_many_requests", "Too many requests: wait a moment.", retry_after(after_s))


def unavailable(after_s: float) -> Refusal:
    message = "Nothing was stored: the service is away for a moment. Send it again."
    return Refusal(503, "unavailable", message, retry_after(after_s))


def retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}

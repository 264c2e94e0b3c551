"""What the Bot API answers instead of success, with the wording of its server.

Prefixes and codes: `Client::fail_query_with_error` in tdlib/telegram-bot-api, Client.cpp; `Query::set_retry_after_error`,
Query.cpp.
"""

from typing import Any


class Refusal(Exception):
    """`code` is both the HTTP status and `error_code`; `parameters` as in ResponseParameters."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        """The JSON object; `parameters` only when there are any, as JsonQueryError does (Query.h)."""
        answer: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


def bad_request(words: str) -> Refusal:
    """400. The first letter is lowered unless the second is a capital or `_` (server constants keep their case)."""
    return Refusal(400, f"Bad Request: {_lowered(words)}")


def forbidden(words: str) -> Refusal:
    return Refusal(403, f"Forbidden: {_lowered(words)}")


def unauthorized(words: str = "") -> Refusal:
    return Refusal(401, f"Unauthorized: {words}" if words else "Unauthorized")


def conflict(words: str) -> Refusal:
    return Refusal(409, f"Conflict: {words}")


def too_many(retry_after: int) -> Refusal:
    """`retry_after` in whole seconds; the HTTP answer carries it as Retry-After too (HttpConnection::send_response)."""
    return Refusal(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def migrated(chat_id: int) -> Refusal:
    """`Client::check_chat_access`: the group is a supergroup now."""
    return Refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat_id)


def _lowered(words: str) -> str:
    if len(words) > 1 and (words[1] == "_" or "A" <= words[1] <= "Z"):
        return words
    return words[:1].lower() + words[1:]

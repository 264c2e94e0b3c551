"""The platform's numbers, in one frozen place; a test that wants a shorter wait replaces one of them."""

from dataclasses import dataclass, field, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` requests in `per` seconds, counted from the first one of a window."""

    limit: int
    per: float


def buckets() -> dict[str, Rate]:
    """Per-route limits. Discord documents only that they exist and that headers state them (docs: topics/rate-limits);
    these are what its headers were seen to say: 5 messages and 5 edits in 5 s per channel, 5 per 2 s per webhook token."""
    return {
        "messages.create": Rate(5, 5.0),
        "messages.edit": Rate(5, 5.0),
        "messages.delete": Rate(5, 1.0),
        "messages.read": Rate(5, 5.0),
        "typing": Rate(5, 5.0),
        "channels": Rate(10, 10.0),
        "threads.create": Rate(10, 10.0),
        "users.channels": Rate(10, 10.0),
        "commands.write": Rate(5, 20.0),
        "webhooks": Rate(5, 2.0),
        "other": Rate(30, 10.0),
    }


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit the stand-in keeps. Units are in the names or beside them; times are seconds unless said otherwise."""

    buckets: dict[str, Rate] = field(default_factory=buckets)
    requests_a_second: int = 50  # docs: topics/rate-limits, "Global Rate Limit"; not for interaction endpoints
    invalid_answers: int = 10_000  # docs: topics/rate-limits, "Invalid Request Limit": 401, 403, 429 not shared
    invalid_window: float = 600.0

    content: int = 2_000  # characters; docs: resources/message, "Create Message"
    nonce: int = 25  # characters; same place
    nonce_window: float = 300.0  # "the past few minutes"; same place
    embeds: int = 10
    embed_characters: int = 6_000  # over all embeds of a message; docs: resources/message, "Embed Limits"
    files: int = 10  # error 30015
    file_bytes: int = 10 * 1024 * 1024  # docs: reference, "Uploading Files"
    request_bytes: int = 25 * 1024 * 1024  # docs: resources/message, "Create Message"
    attachment_life: float = 86_400.0  # a signed URL ends; docs: reference, "Signed Attachment CDN URLs"
    rows: int = 5  # docs: components/reference
    buttons: int = 5  # in a row
    custom_id: int = 100

    heartbeat_interval: float = 41.25  # what HELLO says; a client that is half an interval late is cut
    replay_events: int = 10_000  # kept for one session; a longer gap cannot be resumed
    session_life: float = 180.0  # "timeout after a few minutes"; docs: events/gateway, "Initiating a Disconnect"
    identify_interval: float = 5.0  # `max_concurrency` identifies in it; docs: events/gateway, "Rate Limiting"
    max_concurrency: int = 1
    identifies_a_day: int = 1_000  # then the token is reset; docs: events/gateway, "Identifying"
    gateway_sends: int = 120  # a connection, in 60 s; docs: events/gateway, "Rate Limiting"
    gateway_bytes: int = 4_096  # a payload; docs: events/gateway, "Sending Events"

    respond_within: float = 3.0  # docs: interactions/receiving-and-responding, "Interaction Callback"
    token_life: float = 900.0  # same place: 15 minutes

    chat_commands: int = 100  # docs: interactions/application-commands, "Registering a Command"
    menu_commands: int = 15  # of each kind: user, message
    command_characters: int = 8_000
    command_creates: int = 200  # a day, per guild

    def rated(self, **rates: Rate) -> Self:
        """With other buckets, dots written as `__`: `limits.rated(messages__create=Rate(1, 60))`."""
        return replace(self, buckets={**self.buckets, **{name.replace("__", "."): rate for name, rate in rates.items()}})

    @classmethod
    def unlimited(cls, **others: Any) -> Self:
        """No rate is ever reached: for a benchmark of what stands in front."""
        rates = dict.fromkeys(buckets(), Rate(1_000_000_000, 1.0))
        return cls(buckets=rates, requests_a_second=1_000_000_000, identify_interval=0.0, **others)

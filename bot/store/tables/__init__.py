"""The schema. Every table is led by its workspace; every constraint has a name; times are UTC.

A turn is named by (conversation, seq); everything about it hangs on that pair.
"""

from bot.store.tables.dialogue import attachment, conversation, rating, reply_trace, summary, turn
from bot.store.tables.parties import (
    account,
    address,
    customer,
    identity,
    one_time_code,
    prompt_version,
    role_grant,
    session,
    workspace,
)
from bot.store.tables.passage import event_log, inbox, message_map, outbox, reading
from bot.store.tables.running import audit, job
from bot.store.tables.schema import metadata

__all__ = [
    "account",
    "address",
    "attachment",
    "audit",
    "conversation",
    "customer",
    "event_log",
    "identity",
    "inbox",
    "job",
    "message_map",
    "metadata",
    "one_time_code",
    "outbox",
    "prompt_version",
    "rating",
    "reading",
    "reply_trace",
    "role_grant",
    "session",
    "summary",
    "turn",
    "workspace",
]

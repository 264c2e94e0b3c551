"""Ids are UUIDv7 made by us, as 32 hex digits: they sort by the time they were made."""

from typing import NewType

from uuid_utils import uuid7

WorkspaceId = NewType("WorkspaceId", str)
AccountId = NewType("AccountId", str)
CustomerId = NewType("CustomerId", str)
IdentityId = NewType("IdentityId", str)
AddressId = NewType("AddressId", str)
ConversationId = NewType("ConversationId", str)
OutboxId = NewType("OutboxId", str)
JobId = NewType("JobId", str)
SessionId = NewType("SessionId", str)
ProcessId = NewType("ProcessId", str)


def new_id() -> str:
    """A fresh UUIDv7 as 32 lower-case hex digits; wrap it in the NewType of its kind."""
    return uuid7().hex

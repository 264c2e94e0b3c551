"""Turns of a conversation and the log entries that tell pull channels of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from bot.store.ids import AddressId, ConversationId, IdentityId, WorkspaceId
from bot.store.prepared import Prepared, any_of
from bot.store.tables import event_log, turn
from bot.store.times import from_now

_INSERT = Prepared(
    sa.insert(turn).values(created_at=from_now(0), revision=0, model_text=None),
    takes=(
        "workspace_id",
        "conversation_id",
        "seq",
        "role",
        "identity_id",
        "text",
        "answers_through",
        "window_tokens",
        "state",
    ),
)
_LOG = Prepared(
    sa.insert(event_log).values(at=from_now(0)),
    takes=("workspace_id", "address_id", "position", "conversation_id", "kind", "seq", "detail"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new turn goes: its conversation, the next seq there and the next position in the address's log."""

    workspace_id: WorkspaceId
    conversation_id: ConversationId
    address_id: AddressId
    seq: int
    position: int


def add(
    connection: sa.Connection,
    place: Place,
    role: str,
    text: str,
    *,
    identity_id: IdentityId | None = None,
    answers_through: int | None = None,
    window_tokens: int | None = None,
    state: str = "whole",
) -> None:
    """Store one turn and its log entry. Seq and position were handed out by the conversation row in the same unit."""
    _INSERT.run(
        connection,
        {
            "workspace_id": place.workspace_id,
            "conversation_id": place.conversation_id,
            "seq": place.seq,
            "role": role,
            "identity_id": identity_id,
            "text": text,
            "answers_through": answers_through,
            "window_tokens": window_tokens,
            "state": state,
        },
    )
    log(connection, place, "turn", seq=place.seq)


def log(connection: sa.Connection, place: Place, kind: str, *, seq: int | None = None, detail: str = "") -> None:
    """Append to the address's event log."""
    _LOG.run(
        connection,
        {
            "workspace_id": place.workspace_id,
            "address_id": place.address_id,
            "position": place.position,
            "conversation_id": place.conversation_id,
            "kind": kind,
            "seq": seq,
            "detail": detail,
        },
    )


_FREEZE = (
    sa.update(turn)
    .where(
        turn.c.workspace_id == sa.bindparam("of_workspace"),
        turn.c.conversation_id == sa.bindparam("of_conversation"),
        turn.c.seq == sa.bindparam("of_seq"),
    )
    .values(model_text=sa.bindparam("model_text"))
)


def freeze(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, model_texts: Mapping[int, str]
) -> None:
    """Keep what the model read in place of a turn's own text, so that it never reads it differently later."""
    for seq, text in model_texts.items():
        connection.execute(
            _FREEZE,
            {
                "of_workspace": workspace_id,
                "of_conversation": conversation_id,
                "of_seq": seq,
                "model_text": text,
            },
        )


class WindowTurn(NamedTuple):
    """A turn as the window sees it. A tuple, since dozens are made for each answer. `frozen`: `text` is what the model reads
    instead of the turn's own words; an open question has that only where it has files.
    """

    seq: int
    role: str
    text: str
    answers_through: int | None
    window_tokens: int | None
    frozen: bool = False


_WINDOW = Prepared(
    sa.select(
        turn.c.seq,
        turn.c.role,
        sa.func.coalesce(turn.c.model_text, turn.c.text),
        turn.c.answers_through,
        turn.c.window_tokens,
        # as a number, which needs no conversion
        sa.type_coerce(turn.c.model_text.is_not(None), sa.Integer),
    )
    .where(
        turn.c.workspace_id == sa.bindparam("workspace_id"),
        turn.c.conversation_id == sa.bindparam("conversation_id"),
        turn.c.seq > sa.bindparam("after"),
        turn.c.state != "deleted",
        any_of(turn.c.role, ("customer", "bot", "agent")),
    )
    .order_by(turn.c.workspace_id, turn.c.conversation_id, turn.c.seq)
)


def window(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, after: int
) -> tuple[WindowTurn, ...]:
    """The turns with seq > `after` that a model may read, by seq. Bounded by the roll-over, not by the conversation."""
    rows = _WINDOW.rows(connection, {"workspace_id": workspace_id, "conversation_id": conversation_id, "after": after})
    return tuple(map(WindowTurn._make, rows))

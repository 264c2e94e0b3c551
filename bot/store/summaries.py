"""Where windows start: summaries made ahead of a roll-over, and the cut that stands in when none was ready."""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.ids import ConversationId, WorkspaceId
from bot.store.prepared import Prepared
from bot.store.tables import conversation, summary
from bot.store.times import from_now


@dataclass(frozen=True, slots=True)
class Fold:
    """The start of a window: everything through bot turn `seq` (which answered through `answers_through`) is folded.

    `text` is what stands for it, None for nothing but a marker. `window_tokens`: size of the window through that turn.
    """

    seq: int
    answers_through: int
    window_tokens: int
    text: str | None


_COLUMNS = (summary.c.seq, summary.c.answers_through, summary.c.window_tokens, summary.c.text)
_OF = sa.and_(
    summary.c.workspace_id == sa.bindparam("workspace_id"), summary.c.conversation_id == sa.bindparam("conversation_id")
)
_EXACT = Prepared(sa.select(*_COLUMNS).where(_OF, summary.c.seq == sa.bindparam("seq")))
_NEWEST = Prepared(
    sa.select(*_COLUMNS)
    .where(_OF, summary.c.seq > sa.bindparam("seq"), summary.c.text.is_not(None))
    .order_by(summary.c.workspace_id.desc(), summary.c.conversation_id.desc(), summary.c.seq.desc())
    .limit(1)
)


def fold(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int) -> Fold | None:
    """The fold a window starts from; None for `seq` 0, the conversation's beginning."""
    if seq == 0:
        return None
    of = {"workspace_id": workspace_id, "conversation_id": conversation_id, "seq": seq}
    row = _EXACT.row(connection, of)
    assert row is not None, "a window starts from a fold that is stored"
    return Fold(*row)


def newer(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int) -> Fold | None:
    """The newest summary past bot turn `seq`, ready for the next roll-over."""
    of = {"workspace_id": workspace_id, "conversation_id": conversation_id, "seq": seq}
    row = _NEWEST.row(connection, of)
    return Fold(*row) if row is not None else None


def keep(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, made: Fold) -> None:
    """Store a summary or a cut; what was there for the same turn gives way."""
    of = sa.and_(summary.c.workspace_id == workspace_id, summary.c.conversation_id == conversation_id, summary.c.seq == made.seq)
    connection.execute(sa.delete(summary).where(of))
    connection.execute(
        sa.insert(summary).values(
            workspace_id=workspace_id,
            conversation_id=conversation_id,
            seq=made.seq,
            answers_through=made.answers_through,
            window_tokens=made.window_tokens,
            text=made.text,
            created_at=from_now(0),
        )
    )


def folded_seq(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId) -> int:
    """The fold the conversation's window starts from at present."""
    found: int | None = connection.scalar(
        sa.select(conversation.c.folded_seq).where(
            conversation.c.workspace_id == workspace_id, conversation.c.conversation_id == conversation_id
        )
    )
    return found or 0

"""The preview of an answer in the making, as its reserved row remembers it: so that a crash leaves no message behind."""

import sqlalchemy as sa

from bot.store.ids import OutboxId, WorkspaceId
from bot.store.outbox import Reserved
from bot.store.prepared import Prepared, any_of
from bot.store.tables import outbox
from bot.store.tables.passage import OPEN_OUTBOX
from bot.store.times import from_now

_C = outbox.c
_THIS = sa.and_(_C.workspace_id == sa.bindparam("of_workspace"), _C.outbox_id == sa.bindparam("of_row"))
_NOTE = Prepared(
    sa.update(outbox)
    .where(_THIS, any_of(_C.state, ("reserved", "ready")), _C.kind != "removal", _C.platform_id.is_(None))
    .values(platform_id=sa.bindparam("message"))
)
_FORGET = sa.update(outbox).where(_THIS, _C.state == "reserved").values(platform_id=None, secret=None)
_RESTATE = (
    sa.update(outbox)
    .where(_THIS, _C.state == "sent", _C.platform_id == sa.bindparam("message"))
    .values(state="ready", due_at=from_now(0), settled_at=None)
)
_EARLIER = outbox.alias("earlier")
# while earlier words are still on their way, a preview would overtake them
_ALONE = ~sa.exists(
    sa.select(1).where(
        _EARLIER.c.workspace_id == _C.workspace_id,
        _EARLIER.c.account_id == _C.account_id,
        _EARLIER.c.address_id == _C.address_id,
        sa.text(OPEN_OUTBOX.replace("state", "earlier.state")),
    )
)
_SHOWING = Prepared(
    sa.select(_C.outbox_id, _C.platform_id, _C.reply_to, _C.secret).where(
        _THIS, _C.state == "reserved", _C.epoch == sa.bindparam("at_epoch"), _ALONE
    )
)


def note_preview(connection: sa.Connection, workspace_id: WorkspaceId, outbox_id: OutboxId, platform_id: str) -> bool:
    """The preview of a row stands at `platform_id`; only now may it show text. False when the row is past that: remove it."""
    named = {"of_workspace": workspace_id, "of_row": outbox_id, "message": platform_id}
    return _NOTE.run(connection, named) == 1


def forget_preview(connection: sa.Connection, workspace_id: WorkspaceId, outbox_id: OutboxId) -> None:
    """The preview was deleted by someone: the answer will be a new message."""
    connection.execute(_FORGET, {"of_workspace": workspace_id, "of_row": outbox_id})


def restate(connection: sa.Connection, workspace_id: WorkspaceId, outbox_id: OutboxId, platform_id: str) -> bool:
    """An edit of the preview ended so late that it may have come after the answer: the answer is shown again, by an edit that
    changes nothing if it did not. False when the row was not sent in that message.
    """
    named = {"of_workspace": workspace_id, "of_row": outbox_id, "message": platform_id}
    return connection.execute(_RESTATE, named).rowcount == 1


def showing(connection: sa.Connection, workspace_id: WorkspaceId, outbox_id: OutboxId, *, epoch: int) -> Reserved | None:
    """The row while its answer may be previewed; None once it was published, cancelled or taken on by a newer epoch, and while
    earlier words to the same address are not settled.
    """
    row = _SHOWING.row(connection, {"of_workspace": workspace_id, "of_row": outbox_id, "at_epoch": epoch})
    return Reserved(*row) if row is not None else None

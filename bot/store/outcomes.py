"""What became of a row that was marked `sending`. Each function is part of a unit. A row is fenced by its number of
attempts: news of an older attempt changes nothing.
"""

from typing import Any

import sqlalchemy as sa

from bot.store import message_map
from bot.store.message_map import TurnPart
from bot.store.prepared import Prepared
from bot.store.sending import Sending
from bot.store.tables import outbox
from bot.store.times import from_now
from bot.store.withdrawal import DROP

_C = outbox.c
_THIS = sa.and_(
    _C.workspace_id == sa.bindparam("of_workspace"),
    _C.outbox_id == sa.bindparam("of_row"),
    _C.attempts == sa.bindparam("at_attempt"),
)
_RECORD = Prepared(
    sa.update(outbox)
    .where(_THIS, sa.or_(_C.state == "sending", sa.and_(_C.state == "in_doubt", sa.bindparam("even_late", type_=sa.Boolean))))
    .values(
        state=sa.bindparam("to_state"),
        due_at=from_now(sa.bindparam("wait_s", type_=sa.Float)),
        platform_id=sa.bindparam("message"),
        # it belongs to the message of platform_id, and is not kept longer than it is of use
        secret=sa.case(
            (sa.or_(sa.bindparam("settled", type_=sa.Boolean), sa.bindparam("no_message", type_=sa.Boolean)), None),
            else_=_C.secret,
        ),
        repeats=sa.bindparam("now_repeated"),
        error=sa.bindparam("why"),
        first_sent_at=sa.case((sa.bindparam("maybe_sent", type_=sa.Boolean), _C.first_sent_at), else_=None),
        settled_at=sa.case((sa.bindparam("settled", type_=sa.Boolean), from_now(0)), else_=None),
    )
    .returning(_C.withdrawn)
)
_DROP = sa.update(outbox).where(_THIS, _C.state == "ready").values(DROP)
SETTLED = frozenset({"sent", "failed", "cancelled"})


def record_sent(connection: sa.Connection, row: Sending, platform_id: str) -> None:
    """It is there, as message `platform_id`. Said late, after the row was called in doubt, it still holds."""
    if _record(connection, row, "sent", platform_id=platform_id, known_late=True) is not None and row.seq is not None:
        shows = TurnPart(row.conversation_id, row.seq, row.part)
        message_map.note(connection, row.workspace_id, row.address_id, platform_id, shows)


def record_removed(connection: sa.Connection, row: Sending) -> None:
    """The preview of an answer that was given up is gone."""
    _record(connection, row, "cancelled", platform_id=row.platform_id)


def record_retry(connection: sa.Connection, row: Sending, *, wait_s: float, why: str) -> None:
    """Not sent by this attempt; once more in `wait_s` seconds. What was in doubt before stays so."""
    _record(connection, row, "in_doubt" if row.doubtful else "ready", platform_id=row.platform_id, wait_s=wait_s, why=why)


def record_placed(connection: sa.Connection, row: Sending, platform_id: str, *, wait_s: float) -> None:
    """A placeholder for it is there; in `wait_s` seconds it is edited into the text."""
    _record(connection, row, "ready", platform_id=platform_id, wait_s=wait_s)


def record_absent(connection: sa.Connection, row: Sending) -> None:
    """What was in doubt did not arrive, says the platform: send it as if for the first time."""
    _record(connection, row, "ready", platform_id=None, why="absent")


def record_deleted(connection: sa.Connection, row: Sending) -> None:
    """The message to edit was deleted: send a new one. If an edit of it may have been seen, that is a repeat."""
    _record(connection, row, "ready", platform_id=None, why="deleted", repeats=row.repeats + int(row.doubtful))


def record_in_doubt(connection: sa.Connection, row: Sending, *, wait_s: float, why: str) -> None:
    """Nobody knows; to be settled in `wait_s` seconds, and nothing else goes to the address before."""
    _record(connection, row, "in_doubt", platform_id=row.platform_id, wait_s=wait_s, why=why)


def record_failed(connection: sa.Connection, row: Sending, *, why: str) -> None:
    """Given up, for people to see; the address goes on."""
    _record(connection, row, "failed", platform_id=row.platform_id, why=why)


def _record(
    connection: sa.Connection,
    row: Sending,
    state: str,
    *,
    platform_id: str | None,
    wait_s: float = 0.0,
    why: str = "",
    repeats: int | None = None,
    known_late: bool = False,
) -> bool | None:
    """Whether the row had been withdrawn meanwhile; None when it is another attempt's by now."""
    this = {"of_workspace": row.workspace_id, "of_row": row.outbox_id, "at_attempt": row.attempts}
    found = _RECORD.row(
        connection,
        {
            **this,
            "even_late": known_late,
            "to_state": state,
            "wait_s": wait_s,
            "message": platform_id,
            "no_message": platform_id is None,
            "now_repeated": row.repeats if repeats is None else repeats,
            "why": why,
            "maybe_sent": state != "ready",
            "settled": state in SETTLED,
        },
    )
    if found is None:
        return None
    withdrawn = bool(found[0])
    if withdrawn and state not in SETTLED:
        _withdraw(connection, this, state, why)
    return withdrawn


def _withdraw(connection: sa.Connection, this: dict[str, Any], state: str, why: str) -> None:
    if state == "in_doubt":
        connection.execute(_FAIL, {**this, "why": f"withdrawn in doubt: {why}"})
    else:
        connection.execute(_DROP, {**this, "instead": ""})


_FAIL = sa.update(outbox).where(_THIS).values(state="failed", error=sa.bindparam("why"), settled_at=from_now(0), secret=None)

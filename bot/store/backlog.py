"""What waits or went wrong, counted for the metrics and the doctor."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.tables import account, conversation, inbox, outbox
from bot.store.times import from_now

OPEN = ("ready", "sending", "in_doubt")
MOST = 1000


@dataclass(frozen=True, slots=True)
class Backlog:
    """Over all workspaces. `outbox`: rows by state; `oldest_due_s`: how long the longest waiting question waits."""

    due: int
    oldest_due_s: float
    outbox: Mapping[str, int]


def backlog(connection: sa.Connection) -> Backlog:
    """Counted through the partial indices: rows that are settled cost nothing."""
    due, since = connection.execute(_DUE).one()
    oldest = (connection.scalar(sa.select(from_now(0))) - since).total_seconds() if since is not None else 0.0
    counted = dict.fromkeys((*OPEN, "failed"), 0)
    for state, number in connection.execute(_OPEN):
        counted[state] = number
    counted["failed"] = connection.scalar(_FAILED) or 0
    return Backlog(due, max(oldest, 0.0), counted)


_DUE = sa.select(sa.func.count(), sa.func.min(conversation.c.due_since)).where(conversation.c.due_at.is_not(None))
# spelled as in the partial indices, else they are not used
_OPEN = (
    sa.select(outbox.c.state, sa.func.count())
    .where(sa.text("state IN ('ready', 'sending', 'in_doubt')"))
    .group_by(outbox.c.state)
)
_FAILED = sa.select(sa.func.count()).select_from(outbox).where(sa.text("state = 'failed'"))
_LATEST_FAILED = (
    sa.select(account.c.channel, account.c.name, outbox.c.error)
    .join(account, sa.and_(account.c.workspace_id == outbox.c.workspace_id, account.c.account_id == outbox.c.account_id))
    .where(sa.text("outbox.state = 'failed'"))
    .order_by(outbox.c.settled_at.desc())
    .limit(1)
)
_DEAD = sa.select(sa.literal(1)).select_from(inbox).where(inbox.c.outcome == "dead").limit(MOST).subquery()


def latest_failure(connection: sa.Connection) -> tuple[str, str]:
    """The account ("telegram.main") and the error of the message that was given up last; two empty texts when there is none."""
    row = connection.execute(_LATEST_FAILED).first()
    return (f"{row.channel}.{row.name}", row.error) if row is not None else ("", "")


def dead_letters(connection: sa.Connection) -> int:
    """Updates nobody could read, of the last seven days; counted up to a thousand. Reads the whole inbox: not for the path."""
    return connection.scalar(sa.select(sa.func.count()).select_from(_DEAD)) or 0

"""Files of customers: references to what stays with the platform, and the text of those that were read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from bot.errors import Superseded
from bot.events import AttachmentReference
from bot.store.conversations import Claim
from bot.store.ids import ConversationId, WorkspaceId, new_id
from bot.store.tables import attachment, conversation, turn
from bot.store.turns import Place

_A = attachment.c
_OF_CONVERSATION = sa.and_(_A.workspace_id == sa.bindparam("of_workspace"), _A.conversation_id == sa.bindparam("of_conversation"))


class Kept(NamedTuple):
    """One file. `text` is None for what is no text, and "" as well while `sha256` is None: it was not read yet."""

    attachment_id: str
    seq: int
    kind: str
    name: str
    reference: str
    text: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """What was read of a file: `text` is None when it turned out to be no text, `sha256` is of the bytes that were read."""

    sha256: str
    text: str | None


def add(connection: sa.Connection, place: Place, files: Sequence[tuple[AttachmentReference, bool]]) -> None:
    """Keep references to the files of a turn, each with whether its text shall be read."""
    if not files:
        return
    rows: list[dict[str, Any]] = [
        {
            "workspace_id": place.workspace_id,
            "attachment_id": new_id(),
            "conversation_id": place.conversation_id,
            "seq": place.seq,
            "kind": reference.kind,
            "name": reference.name,
            "mime": reference.mime,
            "size": reference.size,
            "sha256": None,
            "text": "" if is_text else None,
            "reference": reference.reference,
            "expires_at": reference.expires_at,
        }
        for reference, is_text in files
    ]
    connection.execute(sa.insert(attachment), rows)


_OF_TURNS = (
    sa.select(*(_A[name] for name in Kept._fields))
    .where(_OF_CONVERSATION, _A.seq.in_(sa.bindparam("seqs", expanding=True)))
    .order_by(_A.attachment_id)
)


def of_turns(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seqs: Sequence[int]
) -> tuple[Kept, ...]:
    """The files of some turns, in the order in which they came."""
    this = {"of_workspace": workspace_id, "of_conversation": conversation_id, "seqs": list(seqs)}
    return tuple(Kept(*row) for row in connection.execute(_OF_TURNS, this))


_HELD = (
    sa.select(conversation.c.epoch)
    .where(
        conversation.c.workspace_id == sa.bindparam("of_workspace"),
        conversation.c.conversation_id == sa.bindparam("of_conversation"),
        conversation.c.epoch == sa.bindparam("at_epoch"),
        conversation.c.lease_owner.is_not(None),
    )
    .with_for_update()
)
_WORDS = sa.select(turn.c.seq, turn.c.text).where(
    turn.c.workspace_id == sa.bindparam("of_workspace"),
    turn.c.conversation_id == sa.bindparam("of_conversation"),
    turn.c.seq.in_(sa.bindparam("seqs", expanding=True)),
    turn.c.state != "deleted",
)
_READ = (
    sa.update(attachment)
    .where(_OF_CONVERSATION, _A.attachment_id == sa.bindparam("of_attachment"))
    .values(text=sa.bindparam("new_text"), sha256=sa.bindparam("new_sha256"))
)


def keep_contents(
    connection: sa.Connection, claim: Claim, contents: Mapping[str, Content], seqs: Sequence[int]
) -> dict[int, str]:
    """Keep what was read, by attachment id; the own words of these turns, by seq. Raises Superseded past the claim's epoch: then
    a turn may be gone, and its files' text must not come back.
    """
    this = {"of_workspace": claim.workspace_id, "of_conversation": claim.conversation_id}
    if connection.scalar(_HELD, {**this, "at_epoch": claim.epoch}) is None:
        raise Superseded(f"conversation {claim.conversation_id} is past epoch {claim.epoch}")
    for attachment_id, content in contents.items():
        read = {"of_attachment": attachment_id, "new_text": content.text, "new_sha256": content.sha256}
        connection.execute(_READ, {**this, **read})
    return {row.seq: row.text for row in connection.execute(_WORDS, {**this, "seqs": list(seqs)})}


_FORGET = sa.update(attachment).where(_OF_CONVERSATION, _A.seq == sa.bindparam("of_seq")).values(text=None, sha256=None)


def forget(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int) -> None:
    """The turn was taken away: nothing is kept, or read any more, of what its files said."""
    connection.execute(_FORGET, {"of_workspace": workspace_id, "of_conversation": conversation_id, "of_seq": seq})

"""Which platform message shows which turn: edits, replies, buttons and ratings need it."""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.ids import AddressId, ConversationId, WorkspaceId
from bot.store.prepared import Prepared
from bot.store.tables import message_map

# an album has a name beside the ids of its messages
ALBUM = "album:"
_C = message_map.c
_COLUMNS = ("workspace_id", "address_id", "platform_id", "conversation_id", "seq", "part")
# said once more by the platform, a message stays what it was first known as
_NOTE = Prepared(
    sa.insert(message_map).from_select(
        _COLUMNS,
        sa.select(*(sa.bindparam(f"new_{name}", type_=_C[name].type) for name in _COLUMNS)).where(
            ~sa.exists().where(
                _C.workspace_id == sa.bindparam("new_workspace_id"),
                _C.address_id == sa.bindparam("new_address_id"),
                _C.platform_id == sa.bindparam("new_platform_id"),
            )
        ),
    )
)
_TURN_OF = sa.select(_C.conversation_id, _C.seq, _C.part).where(
    _C.workspace_id == sa.bindparam("of_workspace"),
    _C.address_id == sa.bindparam("of_address"),
    _C.platform_id == sa.bindparam("of_message"),
)
_MESSAGES_OF = sa.select(_C.address_id, _C.part, _C.platform_id).where(
    _C.workspace_id == sa.bindparam("of_workspace"),
    _C.conversation_id == sa.bindparam("of_conversation"),
    _C.seq == sa.bindparam("of_seq"),
)


_FIRST_OF = Prepared(
    sa.select(_C.platform_id)
    .where(
        _C.workspace_id == sa.bindparam("of_workspace"),
        _C.conversation_id == sa.bindparam("of_conversation"),
        _C.seq == sa.bindparam("of_seq"),
        _C.part == 0,
        _C.platform_id.not_like(f"{ALBUM}%"),
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class TurnPart:
    """What a platform message shows: part `part` (from 0) of a turn."""

    conversation_id: ConversationId
    seq: int
    part: int


@dataclass(frozen=True, slots=True, order=True)
class PartMessage:
    """Where a part of a turn is shown."""

    address_id: AddressId
    part: int
    platform_id: str


def note(connection: sa.Connection, workspace_id: WorkspaceId, address_id: AddressId, platform_id: str, shows: TurnPart) -> None:
    """Remember what a message shows; one that is known already stays as it is."""
    _NOTE.run(
        connection,
        {
            "new_workspace_id": workspace_id,
            "new_address_id": address_id,
            "new_platform_id": platform_id,
            "new_conversation_id": shows.conversation_id,
            "new_seq": shows.seq,
            "new_part": shows.part,
        },
    )


def turn_of(connection: sa.Connection, workspace_id: WorkspaceId, address_id: AddressId, platform_id: str) -> TurnPart | None:
    """The turn a platform message at an address shows; None for a message that is not in the record."""
    parameters = {"of_workspace": workspace_id, "of_address": address_id, "of_message": platform_id}
    row = connection.execute(_TURN_OF, parameters).one_or_none()
    return TurnPart(*row) if row is not None else None


def first_of(connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int) -> str | None:
    """The platform's id of a turn's first message; None for a turn that came or went without one."""
    parameters = {"of_workspace": workspace_id, "of_conversation": conversation_id, "of_seq": seq}
    found = _FIRST_OF.row(connection, parameters)
    return str(found[0]) if found is not None else None


def messages_of(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int
) -> tuple[PartMessage, ...]:
    """The platform messages that show a turn, by address and part."""
    parameters = {"of_workspace": workspace_id, "of_conversation": conversation_id, "of_seq": seq}
    return tuple(sorted(PartMessage(*row) for row in connection.execute(_MESSAGES_OF, parameters)))

"""A customer's message becomes a turn: a question that is due, a part of an album, or something that nobody can read."""

from collections.abc import Sequence

import sqlalchemy as sa

from bot.conversation.parties import NOT_ADDRESSED
from bot.conversation.sender import Sender, Taken, entry
from bot.conversation.telling import UNREADABLE, tell
from bot.events import Ignored, MessageReceived, Stored
from bot.store import amending, controls, conversations, dialogue, inbox, message_map, outbox, turns, waiting
from bot.store.bulletin import Topic
from bot.store.ids import AccountId, ConversationId, WorkspaceId
from bot.store.message_map import TurnPart
from bot.store.outbox import Lane
from bot.store.turns import Place

# albums come as one update for each file, with no word which is the last
ALBUM_S = 1.0
NAMES = {"photo": "a photo", "voice": "a voice message", "audio": "an audio file", "video": "a video", "sticker": "a sticker"}


def hear(connection: sa.Connection, sender: Sender, message: MessageReceived, wait_s: float, taken: Taken) -> None:
    """Store the message, and what follows from it."""
    conversation_id = sender.conversation_id or begin_anew(connection, sender)
    if message.album and _join_album(connection, sender, message, conversation_id, taken):
        return
    if message.joins_only:
        inbox.add(connection, entry(sender.ref, sender.received, sender.digest, "ignored", reason=NOT_ADDRESSED))
        taken.receipts.append(Ignored(NOT_ADDRESSED))
        return
    workspace_id, readable = sender.ref.workspace_id, bool(message.text.strip())
    # the rest of an album whose words were answered already
    late = _first_of_album(connection, sender, message) is not None
    if readable:
        wait_s = max(wait_s, ALBUM_S) if message.album else wait_s
        place = conversations.hear(connection, workspace_id, conversation_id, wait_s=wait_s)
    else:
        place = conversations.say(connection, workspace_id, conversation_id)
    turns.add(connection, place, "customer", message.text, identity_id=sender.identity_id)
    if message.attachments:
        turns.attach(connection, place, message.attachments)
        files = [(one.kind, one.name) for one in message.attachments]
        turns.freeze(connection, workspace_id, conversation_id, {place.seq: for_model(message.text, files)})
    _put_on_record(connection, place, message)
    if message.placeholder is not None and readable:
        _, epoch = waiting.route_and_epoch(connection, workspace_id, conversation_id)
        outbox.offer(connection, lane(sender, conversation_id), message.placeholder, epoch=epoch)
    if not readable and not late:
        notice = conversations.say(connection, workspace_id, conversation_id)
        tell(connection, notice, UNREADABLE, reply_to=message.platform_id or None, placeholder=message.placeholder)
    keep_turn(connection, sender, conversation_id, place.seq, taken)
    taken.notices += [(Topic.MESSAGE, conversation_id), (Topic.DUE, sender.ref.route)] if readable else []


def keep_turn(connection: sa.Connection, sender: Sender, conversation_id: ConversationId, seq: int, taken: Taken) -> None:
    """The update became (a part of) that turn."""
    kept = entry(sender.ref, sender.received, sender.digest, "turn", conversation_id=conversation_id, seq=seq)
    inbox.add(connection, kept)
    taken.receipts.append(Stored(conversation_id, seq))
    taken.notices.append((Topic.DIALOGUE, sender.address_id))
    if sender.ref.route:
        taken.notices.append((Topic.OUTBOX, sender.ref.route))


def begin_anew(connection: sa.Connection, sender: Sender) -> ConversationId:
    """Another conversation at the sender's address; the current one, if any, is closed."""
    assert sender.customer_id is not None, "whoever opens a conversation is somebody"
    return controls.begin_anew(connection, sender.ref, sender.address_id, sender.customer_id, sender.conversation_id)


def lane(sender: Sender, conversation_id: ConversationId) -> Lane:
    """Where what is said to the sender queues, on a push channel."""
    return Lane(sender.ref.workspace_id, AccountId(sender.ref.route), sender.address_id, conversation_id)


def for_model(text: str, files: Sequence[tuple[str, str]]) -> str:
    """What the model reads of a message with files (kind, name): that there were some, and that it cannot see them."""
    named = ", ".join(NAMES.get(kind, f"a file ({name})" if name else "a file") for kind, name in files)
    return f"[Sent along, not visible to you: {named}.]\n{text}".strip()


def tell_model_of_files(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int, text: str
) -> None:
    """The model reads of the files that a turn has now, if it has any, before its text."""
    files = dialogue.attachments(connection, workspace_id, conversation_id, [seq]).get(seq)
    if files:
        read = for_model(text, [(kind, name) for _, kind, name, _, _ in files])
        turns.freeze(connection, workspace_id, conversation_id, {seq: read})


def _first_of_album(connection: sa.Connection, sender: Sender, message: MessageReceived) -> TurnPart | None:
    """The turn that the first of the message's album became."""
    if not message.album:
        return None
    return message_map.turn_of(connection, sender.ref.workspace_id, sender.address_id, _album(message))


def _join_album(
    connection: sa.Connection, sender: Sender, message: MessageReceived, conversation_id: ConversationId, taken: Taken
) -> bool:
    """Whether the message went into the turn that the first of its album became. An answered one is not added to."""
    workspace_id, first = sender.ref.workspace_id, _first_of_album(connection, sender, message)
    if first is None or first.conversation_id != conversation_id:
        return False
    joined = amending.join(connection, workspace_id, conversation_id, first.seq, message.text, wait_s=ALBUM_S)
    if joined is None:
        return False
    turns.attach(connection, joined.place, message.attachments)
    tell_model_of_files(connection, workspace_id, conversation_id, first.seq, joined.text)
    shown = TurnPart(conversation_id, first.seq, joined.files)
    message_map.note(connection, workspace_id, sender.address_id, message.platform_id, shown)
    keep_turn(connection, sender, conversation_id, first.seq, taken)
    taken.notices.append((Topic.MESSAGE, conversation_id))
    return True


def _put_on_record(connection: sa.Connection, place: Place, message: MessageReceived) -> None:
    shows = TurnPart(place.conversation_id, place.seq, 0)
    for name in filter(None, (message.platform_id, _album(message) if message.album else "")):
        message_map.note(connection, place.workspace_id, place.address_id, name, shows)


def _album(message: MessageReceived) -> str:
    return f"{message_map.ALBUM}{message.album}"

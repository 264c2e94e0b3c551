"""A customer's message becomes a turn: a question that is due, a part of an album, or something that nobody can read."""

import sqlalchemy as sa

from bot.conversation.files import SentFile, for_model, is_text
from bot.conversation.parties import NOT_ADDRESSED
from bot.conversation.sender import Sender, Taken, entry
from bot.conversation.telling import UNREADABLE, tell
from bot.events import Ignored, MessageReceived, Stored
from bot.store import amending, attachments, controls, conversations, inbox, message_map, outbox, turns, waiting
from bot.store.attachments import Kept
from bot.store.bulletin import Topic
from bot.store.ids import AccountId, ConversationId, WorkspaceId
from bot.store.message_map import TurnPart
from bot.store.outbox import Lane
from bot.store.turns import Place

# albums come as one update for each file, with no word which is the last
ALBUM_S = 1.0


def hear(connection: sa.Connection, sender: Sender, message: MessageReceived, wait_s: float, taken: Taken) -> None:
    """Store the message, and what follows from it."""
    conversation_id = sender.conversation_id or begin_anew(connection, sender)
    if message.album and _join_album(connection, sender, message, conversation_id, taken):
        return
    # the rest of an album that was begun: what it belongs to is answered already, or just now
    late = _first_of_album(connection, sender, message) is not None
    if message.joins_only and not late:
        inbox.add(connection, entry(sender.ref, sender.received, sender.digest, "ignored", reason=NOT_ADDRESSED))
        taken.receipts.append(Ignored(NOT_ADDRESSED))
        return
    workspace_id, readable = sender.ref.workspace_id, _asks(message)
    if readable:
        wait_s = max(wait_s, ALBUM_S) if message.album else wait_s
        place = conversations.hear(connection, workspace_id, conversation_id, wait_s=wait_s)
    else:
        place = conversations.say(connection, workspace_id, conversation_id)
    turns.add(connection, place, "customer", message.text, identity_id=sender.identity_id)
    if message.attachments:
        attachments.add(connection, place, [(one, is_text(one)) for one in message.attachments])
        files = [SentFile(one.kind, one.name, is_text(one)) for one in message.attachments]
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


def _asks(message: MessageReceived) -> bool:
    """Whether there is anything to answer: words, or a file with words in it."""
    return bool(message.text.strip()) or any(is_text(one) for one in message.attachments)


def sent_file(kept: Kept) -> SentFile:
    """A file on record as the model is told of it."""
    return SentFile(kept.kind, kept.name, kept.text is not None, kept.text if kept.sha256 is not None else None)


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


def stop_answer(connection: sa.Connection, sender: Sender) -> tuple[ConversationId, bool]:
    """End the answer that is being made, if there is one: the conversation, and whether there was."""
    if sender.conversation_id is None:
        return begin_anew(connection, sender), False
    return sender.conversation_id, controls.stop(connection, sender.ref.workspace_id, sender.conversation_id)


def lane(sender: Sender, conversation_id: ConversationId) -> Lane:
    """Where what is said to the sender queues, on a push channel."""
    return Lane(sender.ref.workspace_id, AccountId(sender.ref.route), sender.address_id, conversation_id)


def tell_model_of_files(
    connection: sa.Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int, text: str
) -> None:
    """The model reads of the files that a turn has now, if it has any, before its text."""
    files = attachments.of_turns(connection, workspace_id, conversation_id, [seq])
    if files:
        turns.freeze(connection, workspace_id, conversation_id, {seq: for_model(text, [sent_file(one) for one in files])})


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
    asks = _asks(message)
    joined = amending.join(connection, workspace_id, conversation_id, first.seq, message.text, asks=asks, wait_s=ALBUM_S)
    if joined is None:
        return False
    attachments.add(connection, joined.place, [(one, is_text(one)) for one in message.attachments])
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

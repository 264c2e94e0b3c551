"""What people do besides writing, acted on in the unit that stores it: commands, presses, edits, coming and going."""

from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa

from bot.conversation import telling
from bot.conversation.hearing import begin_anew, lane, tell_model_of_files
from bot.conversation.parties import (
    ArrivalControl,
    CommandControl,
    Control,
    DepartureControl,
    EditControl,
    FreshControl,
    MoveControl,
    PressControl,
    RatingControl,
    StopControl,
)
from bot.conversation.sender import Sender, Taken, entry
from bot.conversation.telling import tell
from bot.events import Acted, Ignored
from bot.store import amending, controls, conversations, inbox, message_map, presses, withdrawal, workspaces
from bot.store.bulletin import Topic
from bot.store.ids import ConversationId

UNKNOWN_TURN = Ignored("unknown_turn")
UNKNOWN_MESSAGE = Ignored("unknown_message")
UNKNOWN_BUTTON = Ignored("unknown_button")


def act(connection: sa.Connection, sender: Sender, control: Control, taken: Taken) -> None:
    """Do it and store that it was done."""
    match control:
        case StopControl():
            receipt: Acted | Ignored = Acted(_stop(connection, sender)[0])
        case FreshControl():
            receipt = Acted(begin_anew(connection, sender))
        case CommandControl():
            receipt = _command(connection, sender, control)
        case RatingControl():
            receipt = _rate(connection, sender, control)
        case PressControl():
            receipt = _press(connection, sender, control)
        case EditControl():
            receipt = _amend(connection, sender, control)
        case ArrivalControl():
            receipt = _tell(connection, sender, begin_anew(connection, sender), _greeting(connection, sender))
        case DepartureControl():
            receipt = _leave(connection, sender)
        case MoveControl():
            raise AssertionError("a chat that moves has no sender")
    _keep(connection, sender, receipt, taken)


def _keep(connection: sa.Connection, sender: Sender, receipt: Acted | Ignored, taken: Taken) -> None:
    acted = isinstance(receipt, Acted)
    kept = entry(
        sender.ref,
        sender.received,
        sender.digest,
        "control" if acted else "ignored",
        reason="" if isinstance(receipt, Acted) else receipt.reason,
        conversation_id=ConversationId(receipt.conversation_id) if isinstance(receipt, Acted) else sender.conversation_id,
    )
    inbox.add(connection, kept)
    taken.receipts.append(receipt)
    if not acted:
        return
    taken.notices.append((Topic.DIALOGUE, sender.address_id))
    if sender.ref.route:
        taken.notices += [(Topic.OUTBOX, sender.ref.route), (Topic.DUE, sender.ref.route)]
    if sender.conversation_id is not None:
        taken.notices.append((Topic.SUPERSEDED, sender.conversation_id))


def _stop(connection: sa.Connection, sender: Sender) -> tuple[ConversationId, bool]:
    if sender.conversation_id is None:
        return begin_anew(connection, sender), False
    stopped = controls.stop(connection, sender.ref.workspace_id, sender.conversation_id)
    return sender.conversation_id, stopped


Reply = tuple[ConversationId, str]


def _command(connection: sa.Connection, sender: Sender, control: CommandControl) -> Acted:
    conversation_id, text = COMMANDS[control.name](connection, sender)
    # pages show by themselves that all is new, and what was stopped is seen to stop; only a placeholder must be replaced
    seen = (not sender.ref.route and control.name in SEEN_ON_PAGES) or text == telling.STOPPED
    if seen and control.placeholder is None:
        return Acted(conversation_id)
    return _tell(connection, sender, conversation_id, text, control)


def _tell(
    connection: sa.Connection, sender: Sender, conversation_id: ConversationId, text: str, control: CommandControl | None = None
) -> Acted:
    placeholder = control.placeholder if control is not None else None
    place = conversations.say(connection, sender.ref.workspace_id, conversation_id)
    reply_to = getattr(sender.event, "platform_id", "") or None
    tell(connection, place, text, reply_to=reply_to, placeholder=placeholder)
    return Acted(conversation_id)


def _current(connection: sa.Connection, sender: Sender) -> ConversationId:
    return sender.conversation_id or begin_anew(connection, sender)


def _greeting(connection: sa.Connection, sender: Sender) -> str:
    return workspaces.load(connection, sender.ref.workspace_id).greeting or telling.GREETING


def _start(connection: sa.Connection, sender: Sender) -> Reply:
    return _current(connection, sender), _greeting(connection, sender)


def _help(connection: sa.Connection, sender: Sender) -> Reply:
    return _current(connection, sender), telling.help_text(sender.ref.channel)


def _end_answer(connection: sa.Connection, sender: Sender) -> Reply:
    conversation_id, stopped = _stop(connection, sender)
    return conversation_id, telling.STOPPED if stopped else telling.NOTHING_TO_STOP


def _fresh(connection: sa.Connection, sender: Sender) -> Reply:
    return begin_anew(connection, sender), telling.FRESH


def _human(connection: sa.Connection, sender: Sender) -> Reply:
    contact = workspaces.load(connection, sender.ref.workspace_id).contact
    return _current(connection, sender), telling.human_text(contact)


def _ids(connection: sa.Connection, sender: Sender) -> Reply:
    conversation_id = _current(connection, sender)
    where, who = sender.event.address, sender.event.author
    return conversation_id, telling.id_text(who.user_id, where.chat_id, where.thread_id, conversation_id)


COMMANDS: dict[str, Callable[[sa.Connection, Sender], Reply]] = {
    "start": _start,
    "help": _help,
    "stop": _end_answer,
    "new": _fresh,
    "human": _human,
    "id": _ids,
}


SEEN_ON_PAGES = frozenset({"new", "stop"})


def _rate(connection: sa.Connection, sender: Sender, control: RatingControl) -> Acted | Ignored:
    rated, current = control.rated, sender.conversation_id
    conversation_id, _, seq = rated.turn_id.rpartition("-")
    known = current is not None and conversation_id == current and seq.isascii() and seq.isdigit() and len(seq) < 10
    if not known or current is None:
        return UNKNOWN_TURN
    stored = controls.rate(connection, sender.ref.workspace_id, current, int(seq), rated.value, rated.reason)
    return Acted(current) if stored else UNKNOWN_TURN


def _press(connection: sa.Connection, sender: Sender, control: PressControl) -> Acted | Ignored:
    """A button under one of our messages, pressed by one of those whom the message answers."""
    pressed, named = control.pressed, presses.parse(control.pressed.button)
    if named is None:
        return UNKNOWN_BUTTON
    outbox_id, action = named
    chat_id, user_id = pressed.address.chat_id, pressed.author.user_id
    answer = presses.pressed(connection, sender.ref, outbox_id, chat_id, user_id)
    if answer is None:
        return UNKNOWN_BUTTON
    if action == presses.HUMAN:
        there = replace(sender, address_id=answer.address_id, conversation_id=answer.current)
        return _tell(connection, there, *_human(connection, there))
    value = 1 if action == presses.UP else -1
    controls.rate(connection, sender.ref.workspace_id, answer.conversation_id, answer.seq, value, pressed.reason)
    ask = telling.WHAT_WAS_WRONG if value < 0 and not pressed.reason else ""
    return Acted(answer.conversation_id, say=telling.THANKS, ask=ask)


def _amend(connection: sa.Connection, sender: Sender, control: EditControl) -> Acted | Ignored:
    workspace_id = sender.ref.workspace_id
    shown = message_map.turn_of(connection, workspace_id, sender.address_id, control.platform_id)
    if shown is None or shown.part > 0:
        return UNKNOWN_MESSAGE
    changed = amending.change(connection, workspace_id, shown.conversation_id, shown.seq, control.text)
    if changed is None:
        return Ignored("unchanged")
    if control.text is not None:
        tell_model_of_files(connection, workspace_id, shown.conversation_id, shown.seq, control.text)
    if changed.epoch_moved and sender.ref.route:
        withdrawal.discard(connection, lane(sender, shown.conversation_id), instead=controls.REMOVED)
    return Acted(shown.conversation_id)


def _leave(connection: sa.Connection, sender: Sender) -> Acted | Ignored:
    """Nothing is due here any more, and nothing that waits can be sent."""
    assert sender.conversation_id is not None, "a place without a conversation has nothing to end"
    controls.leave(connection, sender.ref.workspace_id, sender.conversation_id)
    if sender.ref.route:
        withdrawal.abandon(connection, lane(sender, sender.conversation_id))
    return Acted(sender.conversation_id)

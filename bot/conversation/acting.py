"""What people do besides writing, acted on in the unit that stores it: commands, presses, edits, coming and going."""

from dataclasses import replace

import sqlalchemy as sa

from bot.conversation import telling
from bot.conversation.commands import CommandControl, Commands, Outcome
from bot.conversation.hearing import begin_anew, lane, stop_answer, tell_model_of_files
from bot.conversation.parties import (
    ArrivalControl,
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
from bot.events import Acted, Ignored, Placeholder
from bot.store import amending, controls, conversations, inbox, message_map, presses, withdrawal
from bot.store.bulletin import Topic
from bot.store.ids import ConversationId

UNKNOWN_TURN = Ignored("unknown_turn")
UNKNOWN_MESSAGE = Ignored("unknown_message")
UNKNOWN_BUTTON = Ignored("unknown_button")


def act(connection: sa.Connection, sender: Sender, control: Control, commands: Commands, taken: Taken) -> None:
    """Do it and store that it was done."""
    match control:
        case StopControl():
            receipt: Acted | Ignored = Acted(stop_answer(connection, sender)[0])
        case FreshControl():
            receipt = Acted(begin_anew(connection, sender))
        case CommandControl():
            receipt = _command(connection, sender, control, commands)
        case RatingControl():
            receipt = _rate(connection, sender, control)
        case PressControl():
            receipt = _press(connection, sender, control, commands)
        case EditControl():
            receipt = _amend(connection, sender, control)
        case ArrivalControl():
            here = replace(sender, conversation_id=begin_anew(connection, sender))
            receipt = _command(connection, here, CommandControl("start", paced=False), commands)
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


def _command(connection: sa.Connection, sender: Sender, control: CommandControl, commands: Commands) -> Acted | Ignored:
    outcome = commands.act(connection, sender, control)
    if isinstance(outcome, Ignored):
        return outcome
    if outcome.seen and control.placeholder is None:
        return Acted(outcome.conversation_id)
    return _tell(connection, sender, outcome, control.placeholder)


def _tell(connection: sa.Connection, sender: Sender, outcome: Outcome, placeholder: Placeholder | None = None) -> Acted:
    place = conversations.say(connection, sender.ref.workspace_id, outcome.conversation_id)
    reply_to = getattr(sender.event, "platform_id", "") or None
    tell(connection, place, outcome.text, reply_to=reply_to, placeholder=placeholder)
    return Acted(outcome.conversation_id)


def _rate(connection: sa.Connection, sender: Sender, control: RatingControl) -> Acted | Ignored:
    rated, current = control.rated, sender.conversation_id
    conversation_id, _, seq = rated.turn_id.rpartition("-")
    known = current is not None and conversation_id == current and seq.isascii() and seq.isdigit() and len(seq) < 10
    if not known or current is None:
        return UNKNOWN_TURN
    stored = controls.rate(connection, sender.ref.workspace_id, current, int(seq), rated.value, rated.reason)
    return Acted(current) if stored else UNKNOWN_TURN


def _press(connection: sa.Connection, sender: Sender, control: PressControl, commands: Commands) -> Acted | Ignored:
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
        return _command(connection, there, CommandControl("human", paced=False), commands)
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

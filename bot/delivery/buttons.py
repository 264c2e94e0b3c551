"""Which buttons a message carries: under the last part of the bot's answer, a word on it and the way to a person."""

from bot.store.presses import DOWN, HUMAN, UP, button_id
from bot.store.sending import Sending
from bot.views import ButtonView

LABELS = {UP: "\N{THUMBS UP SIGN}", DOWN: "\N{THUMBS DOWN SIGN}", HUMAN: "Talk to a person"}


def under(row: Sending) -> tuple[ButtonView, ...]:
    """The buttons of a row's message."""
    if row.kind != "bot" or row.seq is None or row.part != row.parts - 1:
        return ()
    return tuple(ButtonView(button_id(row.outbox_id, action), label) for action, label in LABELS.items())

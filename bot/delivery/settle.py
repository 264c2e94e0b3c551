"""What the next request for a row is. Pure: the row and the channel's habits decide."""

from enum import Enum

from bot.ports import ChannelHabits
from bot.store.sending import Head, Sending


class Step(Enum):
    """One request. Only SEND, EDIT and REPEAT carry the text."""

    SEND = "send"
    EDIT = "edit"
    PLACE = "place"
    REPEAT = "repeat"
    LOOK_UP = "look up"
    REMOVE = "remove"


def next_step(row: Sending, habits: ChannelHabits, *, request_s: float) -> Step:
    """The request that brings the row forward. A doubtful row was sent before with an outcome that nobody knows."""
    if row.kind == "removal":
        return Step.REMOVE
    if row.platform_id is not None:
        return Step.EDIT  # idempotent: in doubt or not, the same edit again does no harm
    if habits.in_doubt == "edit":
        return Step.PLACE  # a message without an answer, edited once its id is recorded
    if not row.doubtful:
        return Step.SEND
    if habits.in_doubt == "reconcile" and not within_nonce_window(row, habits, request_s=request_s):
        return Step.LOOK_UP
    return Step.REPEAT


def within_nonce_window(row: Sending, habits: ChannelHabits, *, request_s: float) -> bool:
    """Whether the platform still knows the nonce of the first send when a request begun now arrives."""
    return (row.now - row.first_sent_at).total_seconds() + request_s < habits.nonce_window_s


def counts_repeat(head: Head, habits: ChannelHabits) -> bool:
    """Whether sending this row may show its text twice: where neither nonces nor edits protect it."""
    return head.doubtful and habits.in_doubt == "resend"

"""What the platform itself says to a customer: notices and answers to commands. Role `system`: never in the window."""

import sqlalchemy as sa

from bot.events import Placeholder
from bot.store import outbox, turns, waiting, withdrawal
from bot.store.controls import REMOVED
from bot.store.ids import AccountId
from bot.store.outbox import Lane
from bot.store.turns import Place

WAITING = "I need longer than usual to answer. Your message is safe with me, and I will answer as soon as I can."
EXPIRED = "I am sorry: I could not answer your last message in time. Please send it again if you still need an answer."
PLACE = "You are number {place} in line, about {time}"
PLACE_NOTICE = "Many people are asking at the moment. You are number {place} in line; it is your turn in about {time}."
UNREADABLE = "I have received it, but I can only read text. Please tell me in words what you need."
THANKS = "Thank you for telling us."
WHAT_WAS_WRONG = "What was wrong?"


def tell(
    connection: sa.Connection,
    place: Place,
    text: str,
    *,
    ends: int | None = None,
    reply_to: str | None = None,
    placeholder: Placeholder | None = None,
) -> None:
    """Store a notice and, on a push channel, send it; into the `placeholder` that the platform shows, if there is one.

    `ends`: the turn through which nothing will be answered; what the bot had begun to show is taken back.
    """
    turns.add(connection, place, "system", text, answers_through=ends)
    route, epoch = waiting.route_and_epoch(connection, place.workspace_id, place.conversation_id)
    if not route:
        return
    lane = Lane(place.workspace_id, AccountId(route), place.address_id, place.conversation_id)
    if ends is not None:
        withdrawal.cancel(connection, lane, instead=REMOVED)
    outbox.enqueue(
        connection, lane, (text,), kind="system", epoch=epoch, seq=place.seq, reply_to=reply_to, placeholder=placeholder
    )

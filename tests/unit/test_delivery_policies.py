"""The two tables of delivery: what the next request of a row is, and what follows from one that did not succeed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.delivery.limits import DeliveryLimits
from bot.delivery.retry import Again, Anew, Doubt, GiveUp, Verdict, backoff, judge
from bot.delivery.settle import Step, counts_repeat, next_step
from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater
from bot.ports import ChannelHabits
from bot.store.ids import AddressId, ConversationId, OutboxId, WorkspaceId
from bot.store.sending import Head, Sending
from tests.push_double import DISCORD, TELEGRAM_GROUP, TELEGRAM_PRIVATE

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HABITS = {"edit": TELEGRAM_GROUP, "reconcile": DISCORD, "resend": TELEGRAM_PRIVATE}
LIMITS = DeliveryLimits()


def row(
    *, age_s: float = 0, shown: bool = False, doubtful: bool = False, kind: str = "bot", repeats: int = 0, attempts: int = 1
) -> Sending:
    first = NOW - timedelta(seconds=age_s)
    ids = (WorkspaceId("w"), OutboxId("o"), AddressId("a"), ConversationId("c"))
    platform_id = "m1" if shown else None
    return Sending(*ids, 1, 0, 1, kind, "hello", None, platform_id, None, attempts, repeats, first, first, NOW, doubtful=doubtful)


@pytest.mark.parametrize(
    ("habit", "of", "step"),
    [
        ("edit", row(), Step.PLACE),  # a message without an answer first
        ("edit", row(shown=True), Step.EDIT),
        ("edit", row(shown=True, doubtful=True), Step.EDIT),  # the same edit again does no harm
        ("edit", row(doubtful=True), Step.PLACE),  # only a placeholder may have arrived
        ("reconcile", row(), Step.SEND),
        ("reconcile", row(shown=True), Step.EDIT),  # its preview is a message too
        ("reconcile", row(shown=True, doubtful=True, age_s=9999), Step.EDIT),
        ("reconcile", row(doubtful=True, age_s=5), Step.REPEAT),  # the nonce is still known there
        ("reconcile", row(doubtful=True, age_s=100), Step.LOOK_UP),  # it would not be when the request arrives
        ("reconcile", row(doubtful=True, age_s=9999), Step.LOOK_UP),
        ("resend", row(), Step.SEND),
        ("resend", row(doubtful=True), Step.REPEAT),  # at least once
        ("edit", row(kind="removal", shown=True), Step.REMOVE),
        ("resend", row(kind="removal", shown=True, doubtful=True), Step.REMOVE),
    ],
)
def test_the_next_request_follows_from_the_row_and_the_channels_habit(habit: str, of: Sending, step: Step) -> None:
    assert next_step(of, HABITS[habit], request_s=30.0) is step


@pytest.mark.parametrize(("habit", "counted"), [("edit", False), ("reconcile", False), ("resend", True)])
def test_only_a_plain_send_in_doubt_counts_as_a_repeat(habit: str, counted: bool) -> None:
    head = Head(OutboxId("o"), AddressId("a"), "chat", "", "in_doubt", 1)
    assert counts_repeat(head, HABITS[habit]) is counted
    assert counts_repeat(replace(head, state="ready"), HABITS[habit]) is False


UNKNOWN = DeliveryUnknown("timeout")


@pytest.mark.parametrize(
    ("habit", "error", "of", "step", "verdict"),
    [
        # the platform names the time: exactly that, no jitter
        ("edit", RetryLater("429", after_s=7), row(), Step.EDIT, Again(7, "chat limit")),
        ("resend", RetryLater("429", after_s=7, scope="account"), row(), Step.SEND, Again(7, "account limit")),
        ("resend", RetryLater("429", after_s=7), row(age_s=90_000), Step.SEND, GiveUp("limited for too long")),
        # definite and final
        ("resend", RecipientGone("blocked"), row(), Step.SEND, GiveUp("recipient gone")),
        ("reconcile", MessageRefused("bad"), row(), Step.SEND, GiveUp("refused")),
        ("reconcile", MessageGone("deleted"), row(shown=True), Step.EDIT, Anew()),
        ("reconcile", MessageGone("odd"), row(), Step.SEND, GiveUp("refused")),
        # nobody knows, and the text may be there
        ("resend", UNKNOWN, row(), Step.SEND, Doubt(0.5, "unknown outcome")),
        ("edit", UNKNOWN, row(shown=True), Step.EDIT, Doubt(0.5, "unknown outcome")),
        ("reconcile", UNKNOWN, row(doubtful=True, age_s=500), Step.LOOK_UP, Doubt(0.5, "unknown outcome")),
        # nobody knows, but there was no text in it
        ("edit", UNKNOWN, row(), Step.PLACE, Again(0.5, "unknown outcome, no text in it")),
        ("edit", UNKNOWN, row(kind="removal", shown=True), Step.REMOVE, Again(0.5, "unknown outcome, no text in it")),
        # the bounds
        ("edit", UNKNOWN, row(shown=True, age_s=901), Step.EDIT, GiveUp("in doubt for too long")),
        ("resend", UNKNOWN, row(doubtful=True, repeats=8), Step.REPEAT, GiveUp("in doubt for too long")),
        ("edit", UNKNOWN, row(age_s=90_000), Step.PLACE, GiveUp("unknown for too long")),
    ],
)
def test_what_follows_from_a_request_that_did_not_succeed(
    habit: str, error: ChannelError, of: Sending, step: Step, verdict: Verdict
) -> None:
    habits: ChannelHabits = HABITS[habit]
    assert judge(error, of, step, habits, LIMITS, chance=lambda: 0.5) == verdict


def test_backoff_doubles_under_a_ceiling_and_jitters_over_all_of_it() -> None:
    ceilings = [backoff(attempt, LIMITS, lambda: 0.999999) for attempt in (1, 2, 3, 7, 50, 5000)]
    assert [round(ceiling) for ceiling in ceilings] == [1, 2, 4, 60, 60, 60]
    assert backoff(5, LIMITS, lambda: 0.0) == 0.0

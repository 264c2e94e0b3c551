"""What follows from a request that did not succeed. Pure: chance comes from the caller."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.delivery.limits import DeliveryLimits
from bot.delivery.settle import Step
from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater
from bot.ports import ChannelHabits
from bot.store.sending import Sending

CARRIES_TEXT = frozenset({Step.SEND, Step.EDIT, Step.REPEAT})


@dataclass(frozen=True, slots=True)
class Again:
    """It was not sent: once more in `wait_s` seconds."""

    wait_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Nobody knows: to be settled in `wait_s` seconds."""

    wait_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Anew:
    """The message to edit was deleted: send a new one."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing more is tried; `why` is shown to people."""

    why: str


Verdict = Again | Doubt | Anew | GiveUp


def judge(
    error: ChannelError,
    row: Sending,
    step: Step,
    habits: ChannelHabits,
    limits: DeliveryLimits,
    chance: Callable[[], float],
) -> Verdict:
    """What becomes of a row whose request ended with this error. `chance` gives numbers in [0, 1)."""
    match error:
        case RetryLater():
            return Again(error.after_s, f"{error.scope} limit") if _has_time(row, limits) else GiveUp("limited for too long")
        case RecipientGone():
            return GiveUp("recipient gone")
        case MessageGone() if step is Step.EDIT:
            return Anew()
        case MessageRefused():
            return GiveUp("refused")
        case DeliveryUnknown():
            return _unknown(row, step, habits, limits, chance)
    raise AssertionError(f"{type(error).__name__} is no outcome of a request")


def _unknown(row: Sending, step: Step, habits: ChannelHabits, limits: DeliveryLimits, chance: Callable[[], float]) -> Verdict:
    wait_s = backoff(row.attempts, limits, chance)
    if step not in CARRIES_TEXT and not row.doubtful:
        return Again(wait_s, "unknown outcome, no text in it") if _has_time(row, limits) else GiveUp("unknown for too long")
    too_often = habits.in_doubt == "resend" and row.platform_id is None and row.repeats >= limits.most_repeats
    if too_often or (row.now - row.first_sent_at).total_seconds() > limits.settle_within_s:
        return GiveUp("in doubt for too long")
    return Doubt(wait_s, "unknown outcome")


def _has_time(row: Sending, limits: DeliveryLimits) -> bool:
    return (row.now - row.created_at).total_seconds() < limits.deliver_within_s


def backoff(attempts: int, limits: DeliveryLimits, chance: Callable[[], float]) -> float:
    """Exponential with full jitter: a random share of what `attempts` (from 1) allows, in seconds."""
    return chance() * min(limits.longest_backoff_s, limits.backoff_s * 2.0 ** min(attempts - 1, 30))

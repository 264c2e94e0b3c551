"""Budgets of requests: one per account and one per chat. Sends, edits, previews and typing marks share them.

A budget is a token bucket. Final texts may use all of it. Previews and typing marks use only the surplus: they go when a
quarter of the burst, and at least one request, is left over for a final text; of an account's burst all but eight requests,
since many answers may end at once. A bucket too small for that (a burst of one) grows one imaginary token that no final text
can use: there previews go at half the rate, and a final text that follows one waits no longer than one interval. Pure: times
are seconds of one monotonic clock, given by the caller.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from math import inf

from bot.ports import ChannelHabits

ROUNDING = 1e-9
# an event loop may wake a timer this much early; a platform punishes who comes back early
MARGIN_S = 0.01
LOOKED_AT = 16
ACCOUNT_PREVIEWS = 8  # at once; in the long run the rate decides how many go, whatever is left of the burst


class Use(Enum):
    TEXT = "text"
    PREVIEW = "preview"


@dataclass(slots=True)
class Budget:
    """One token bucket. `held_until`: the platform said to stay away until then, `previews_held_until`: with previews only;
    `previews`: the most of a burst for these.
    """

    rate: float
    burst: int
    level: float
    at: float
    held_until: float = 0.0
    previews_held_until: float = 0.0
    previews: float = inf

    @property
    def room(self) -> float:
        """What previews leave alone."""
        return max(1.0, self.burst / 4, self.burst - self.previews)

    def wait(self, use: Use, now: float) -> float:
        """Seconds until one request of this use may go."""
        need = 1.0 if use is Use.TEXT else 1.0 + self.room
        missing = need - self._refilled(now)
        held_until = self.held_until if use is Use.TEXT else max(self.held_until, self.previews_held_until)
        return max(0.0, held_until - now, missing / self.rate if missing > ROUNDING else 0.0)

    def spend(self, now: float) -> None:
        self.level = min(self._refilled(now), float(self.burst)) - 1.0
        self.at = max(now, self.at)

    def idle(self, now: float) -> bool:
        """Whether forgetting this budget changes nothing."""
        return max(self.held_until, self.previews_held_until) <= now and self._refilled(now) >= self._full

    @property
    def _full(self) -> float:
        return max(float(self.burst), 1.0 + self.room)

    def _refilled(self, now: float) -> float:
        return min(self._full, self.level + max(0.0, now - self.at) * self.rate)


class Pacing:
    """The budgets of one account. It knows at most `chats` chats; those forgotten first are idle ones."""

    def __init__(self, *, chats: int = 10_000) -> None:
        self._account: Budget | None = None
        self._account_held_until = 0.0
        self._chats: OrderedDict[str, Budget] = OrderedDict()
        self._most = chats

    def wait(self, chat_id: str, habits: ChannelHabits, use: Use, now: float) -> float:
        """Seconds until the next request to the chat may go: its own budget and the account's."""
        return max(self.chat_wait(chat_id, habits, use, now), self.account_wait(habits, use, now))

    def chat_wait(self, chat_id: str, habits: ChannelHabits, use: Use, now: float) -> float:
        """Seconds until the chat's own budget has room."""
        return self._chat(chat_id, habits, now).wait(use, now)

    def account_wait(self, habits: ChannelHabits, use: Use, now: float) -> float:
        """Seconds until the account's budget has room."""
        return max(self._of_account(habits, now).wait(use, now), self.account_held(now))

    def account_held(self, now: float) -> float:
        """Seconds for which the platform wants nothing at all from the account."""
        return max(0.0, self._account_held_until - now)

    def spend(self, chat_id: str, habits: ChannelHabits, now: float) -> None:
        """A request goes out now."""
        self._chat(chat_id, habits, now).spend(now)
        self._of_account(habits, now).spend(now)

    def hold(self, scope: str, chat_id: str, habits: ChannelHabits, after_s: float, now: float) -> None:
        """The platform said to wait: "account" stops everything, "previews" this chat's previews, any other scope this chat."""
        until = now + after_s + MARGIN_S
        if scope == "account":
            self._account_held_until = max(self._account_held_until, until)
            return
        chat = self._chat(chat_id, habits, now)
        if scope == "previews":
            chat.previews_held_until = max(chat.previews_held_until, until)
        else:
            chat.held_until = max(chat.held_until, until)

    def __len__(self) -> int:
        return len(self._chats)

    def _of_account(self, habits: ChannelHabits, now: float) -> Budget:
        if self._account is None:
            self._account = _full(habits.account_rate, habits.account_burst, now)
            self._account.previews = ACCOUNT_PREVIEWS
        return self._account

    def _chat(self, chat_id: str, habits: ChannelHabits, now: float) -> Budget:
        budget = self._chats.get(chat_id)
        if budget is None:
            self._make_room(now)
            budget = self._chats[chat_id] = _full(habits.chat_rate, habits.chat_burst, now)
        self._chats.move_to_end(chat_id)
        return budget

    def _make_room(self, now: float) -> None:
        if len(self._chats) < self._most:
            return
        oldest = [chat_id for chat_id, _ in zip(self._chats, range(LOOKED_AT), strict=False)]
        idle = next((chat_id for chat_id in oldest if self._chats[chat_id].idle(now)), oldest[0])
        del self._chats[idle]


def _full(rate: float, burst: int, now: float) -> Budget:
    return Budget(rate, burst, float(max(burst, 2)), now)

"""What the receiving side does when something does not answer: wait as long as is right, ask again, say it once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from aiogram.exceptions import TelegramAPIError, TelegramConflictError, TelegramRetryAfter

from adapters.telegram.failures import TOKEN_WAIT_S, is_token_trouble
from bot.errors import StoreUnavailable

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

LONGEST_S = 30.0
CONFLICT_S = 10.0
PATIENT = 3  # a connection that breaks now and then is no news
TOKEN = "token_refused"  # noqa: S105 - a word for the log
CONFLICT = "conflict"
UNREACHED = "unreached"
ADVICE = {
    TOKEN: "Telegram does not accept the token, or api_base is no Bot API server: put the token into the settings, start again",
    CONFLICT: "another program receives this bot's updates, or has set a webhook: stop it, or give this account its own token",
    UNREACHED: "Telegram cannot be reached or does not answer properly: it is tried again",
}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pause:
    """`trouble` is a stable word, "" for a wait that nobody need hear of."""

    seconds: float
    trouble: str


def pause_after(error: TelegramAPIError, failures: int, chance: float) -> Pause:
    """`failures` counts from 1 since the last success; `chance` is in [0, 1)."""
    if isinstance(error, TelegramRetryAfter):
        return Pause(float(max(error.retry_after, 1)), "")
    if isinstance(error, TelegramConflictError):
        return Pause(CONFLICT_S, CONFLICT)
    if is_token_trouble(error):
        return Pause(TOKEN_WAIT_S, TOKEN)
    most_s = min(LONGEST_S, 2.0 ** min(failures - 1, 30))
    return Pause(most_s * (0.5 + 0.5 * chance), UNREACHED if failures >= PATIENT else "")


class Troubles:
    """The troubles of one account, said once each until they are over. Sending and receiving share it."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._said: set[str] = set()

    def begin(self, trouble: str) -> None:
        if trouble and trouble not in self._said:
            self._said.add(trouble)
            log.error("telegram.trouble", account=self._account, trouble=trouble, advice=ADVICE[trouble])

    def over(self, *troubles: str) -> None:
        """Telegram answered: these are none any more."""
        for trouble in self._said.intersection(troubles):
            self._said.discard(trouble)
            log.info("telegram.trouble_over", account=self._account, trouble=trouble)


class Patience:
    """Asks until there is an answer. `chance` gives numbers in [0, 1)."""

    def __init__(self, troubles: Troubles, chance: Callable[[], float], sleep: Sleep = asyncio.sleep) -> None:
        self._troubles = troubles
        self._chance = chance
        self.sleep = sleep

    async def asked(self, request: Callable[[], Awaitable[T]]) -> T:
        """What Telegram answers in the end."""
        failures = 0
        while True:
            try:
                answer = await request()
            except TelegramAPIError as error:
                failures += 1
                pause = pause_after(error, failures, self._chance())
                self._troubles.begin(pause.trouble)
                await self.sleep(pause.seconds)
            else:
                self._troubles.over(TOKEN, CONFLICT, UNREACHED)
                return answer

    async def stored(self, unit: Callable[[], Awaitable[T]]) -> T:
        """What the store answers in the end; it says itself when to come again."""
        while True:
            try:
                return await unit()
            except StoreUnavailable as error:
                await self.sleep(error.retry_after_s)

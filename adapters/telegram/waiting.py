"""How long the receiving side waits after a failure, and what it says of it: a line at the begin of a trouble, one at its end."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiogram.exceptions import TelegramAPIError, TelegramConflictError, TelegramRetryAfter

from adapters.telegram.failures import TOKEN_WAIT_S, is_token_trouble

LONGEST_S = 30.0
CONFLICT_S = 10.0
TOKEN = "token_refused"  # noqa: S105 - a word for the log
CONFLICT = "conflict"
UNREACHED = "unreached"
ADVICE = {
    TOKEN: "Telegram does not accept the token, or api_base is not a Bot API server: get a token from @BotFather",
    CONFLICT: "another program receives this bot's updates, or has set a webhook: stop it, or give this account its own token",
    UNREACHED: "Telegram cannot be reached or does not answer properly: it is tried again",
}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pause:
    """`trouble` is a stable word, "" for a wait that Telegram asked for and that nobody need hear of."""

    seconds: float
    trouble: str


def pause_after(error: TelegramAPIError, failures: int, chance: Callable[[], float]) -> Pause:
    """`failures` counts from 1 since the last success; `chance` gives numbers in [0, 1)."""
    if isinstance(error, TelegramRetryAfter):
        return Pause(float(max(error.retry_after, 1)), "")
    if isinstance(error, TelegramConflictError):
        return Pause(CONFLICT_S, CONFLICT)
    if is_token_trouble(error):
        return Pause(TOKEN_WAIT_S, TOKEN)
    most_s = min(LONGEST_S, 2.0 ** min(failures - 1, 30))
    return Pause(most_s * (0.5 + 0.5 * chance()), UNREACHED)


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

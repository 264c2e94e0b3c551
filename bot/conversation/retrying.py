"""When to try again after the node gave no whole answer, and how that try ranks at the node: pure decisions."""

from bot.errors import NodeBusy, NodeGarbled, NodeRefused
from bot.generation.request import LIVE, RETRY

FIRST_S = 0.5
LONGEST_S = 5.0
REFUSED_S = 15.0
STARVED_S = 60.0


def wait_s(error: Exception, attempts: int, chance: float) -> float:
    """Seconds until the next try. `chance` in [0, 1) spreads the tries of many conversations.

    For a full node the tide named it; a refusal (wrong key, unknown model) is for people to mend; everything else backs off.
    """
    if isinstance(error, NodeBusy):
        return error.retry_after_s
    if isinstance(error, NodeRefused | NodeGarbled):
        return min(FIRST_S * 2.0**attempts, REFUSED_S) * (0.5 + chance / 2)
    return min(FIRST_S * 2.0 ** (attempts - 1), LONGEST_S) * (0.5 + chance / 2)


def priority(attempts: int, waited_s: float) -> int:
    """Where a try stands at the node: what failed before goes behind what is fresh, but not for ever."""
    return LIVE if attempts <= 1 or waited_s > STARVED_S else RETRY

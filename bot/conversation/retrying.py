"""When to try again after the node gave no whole answer: a pure decision."""

from bot.errors import NodeBusy, NodeGarbled, NodeRefused

FIRST_S = 0.5
LONGEST_S = 5.0
REFUSED_S = 15.0


def wait_s(error: Exception, attempts: int, chance: float) -> float:
    """Seconds until the next try. `chance` in [0, 1) spreads the tries of many conversations.

    A full node names its time; a refusal (wrong key, unknown model) is for people to mend; everything else backs off.
    """
    if isinstance(error, NodeBusy):
        return error.retry_after_s * (1 + chance)
    if isinstance(error, NodeRefused | NodeGarbled):
        return min(FIRST_S * 2.0**attempts, REFUSED_S) * (0.5 + chance / 2)
    return min(FIRST_S * 2.0 ** (attempts - 1), LONGEST_S) * (0.5 + chance / 2)

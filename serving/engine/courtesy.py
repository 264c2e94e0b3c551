"""When background work stands aside for those who wait for their first token. Pure.

A step of the engine computes all that is scheduled in it before anybody gets a token. Half a thousand tokens of a background
prompt take most of a second on a CPU, so whoever asks meanwhile waits for them, whatever its priority. So background prompts are
computed in small pieces, and while somebody waits for a first token, background work is left out of the step. Where the KV cache
is nearly full all of that ends: then vLLM must see the background work, to take its blocks before anybody else's.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from serving.engine.admission import BACKGROUND

PIECE = 32  # tokens of background prompts in a step: it then takes less than twice as long as one that only decodes
SHORT = 0.9  # of the KV cache in use
MOST_STEPS = 8  # left out one after the other, then it takes part in one: streams that say nothing are given up


class Request(Protocol):
    """What is read of vLLM's own."""

    @property
    def priority(self) -> int: ...

    @property
    def num_output_tokens(self) -> int: ...

    @property
    def num_tokens(self) -> int: ...

    @property
    def num_computed_tokens(self) -> int: ...


class Courtesy:
    """Asked once for each step."""

    def __init__(self) -> None:
        self._left_out = 0

    def stands_aside(self, running: Sequence[Request], waiting: Iterable[Request], slots: int) -> bool:
        """Whether this step is made without background work. Who waits for a slot gains nothing by that."""
        expected = [*running, *waiting] if len(running) < slots else running
        if not any(waits(one) for one in expected) or self._left_out == MOST_STEPS:
            self._left_out = 0
            return False
        self._left_out += 1
        return True


def is_background(request: Request) -> bool:
    return request.priority >= BACKGROUND


def waits(request: Request) -> bool:
    """Whether somebody waits for its first token, or for the next one behind a prompt that must be computed anew."""
    if is_background(request):
        return False
    return request.num_output_tokens == 0 or request.num_tokens - request.num_computed_tokens > 1


def in_turn(running: Sequence[Request]) -> list[Request]:
    """The order of a step in which background work takes part: who streams is not delayed, and no prompt leaves it nothing."""
    return sorted(running, key=lambda one: 1 if is_background(one) else 2 if waits(one) else 0)

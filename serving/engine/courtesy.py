"""When background work stands aside for those who wait for their first token. Pure.

A step of the engine computes all that is scheduled in it before anybody gets a token. Half a thousand tokens of a background
prompt take most of a second on a CPU, so whoever asks meanwhile waits for them, whatever its priority. So background prompts are
computed in small pieces, and while somebody waits for a first token, background work is left out of the step.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from serving.engine.admission import BACKGROUND

PIECE = 32  # tokens of background prompts in a step: it then takes less than twice as long as one that only decodes
MOST_STEPS = 8  # left out one after the other, then it takes part in one: streams that say nothing are given up


class Request(Protocol):
    """What is read of vLLM's own."""

    @property
    def priority(self) -> int: ...

    @property
    def num_output_tokens(self) -> int: ...


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
    """Whether somebody waits for its first token."""
    return request.priority < BACKGROUND and request.num_output_tokens == 0

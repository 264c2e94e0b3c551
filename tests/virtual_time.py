"""An event loop whose clock jumps to the next timer instead of waiting for it: hours of pacing and backoff in a moment."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class JumpingSelector(selectors.DefaultSelector):
    """Never sleeps: tells the loop's clock how long it would have."""

    jump: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # the loop's own wake-up is the only file there is, and nobody outside of the loop wakes it
        ready = super().select(0) if len(self.get_map()) > 1 else []
        if not ready and timeout is None:
            raise AssertionError("every task waits for something that will never happen")
        if not ready and timeout is not None and timeout > 0:
            self.jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 1000 and moves only when nothing is ready to run. Nothing in it may use threads or sockets."""

    def __init__(self) -> None:
        selector = JumpingSelector()
        super().__init__(selector)
        self._now = 1000.0
        selector.jump = self._jump

    def time(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


def in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)

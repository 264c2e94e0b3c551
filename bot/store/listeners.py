"""Who wants to hear of what: callables by key, for the time of a block. Belongs to one event loop."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, ParamSpec, TypeVar

K = TypeVar("K", bound=Hashable)
P = ParamSpec("P")


class Listeners(Generic[K, P]):
    """A key that nobody listens to takes no memory."""

    def __init__(self) -> None:
        self._heard: dict[K, list[Callable[P, None]]] = {}

    @contextmanager
    def listen(self, key: K, listener: Callable[P, None]) -> Iterator[None]:
        """`listener` is called at each `tell` of the key inside the block."""
        heard = self._heard.setdefault(key, [])
        heard.append(listener)
        try:
            yield
        finally:
            heard.remove(listener)
            if not heard:
                self._heard.pop(key, None)

    def tell(self, key: K, *said: P.args, **named: P.kwargs) -> None:
        """Call all that listen now, in the order in which they came."""
        for listener in tuple(self._heard.get(key, ())):
            listener(*said, **named)

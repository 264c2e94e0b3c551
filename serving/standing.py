"""What an engine's coming and going means to the node around it."""

from dataclasses import replace
from typing import Protocol

from serving.order import EngineOrder
from serving.progress import Report


class Standing(Protocol):
    """Told by whoever watches an engine. `may_move`: to another port, when its own was taken while it was away."""

    @property
    def may_move(self) -> bool: ...

    def up(self, order: EngineOrder) -> None:
        """The engine of this order generates."""

    def down(self) -> None:
        """It does not, or will not in a moment."""

    def hopeless(self) -> bool:
        """Whether nothing was ever up: then an engine that cannot start is the end of the node."""


class Alone:
    """The one engine of a node holds the node's own port: once it is up, the node is."""

    may_move = False

    def __init__(self, report: Report) -> None:
        self._report = report
        self._told = False

    def up(self, order: EngineOrder) -> None:
        if not self._told:
            self._told = True
            self._report.line(f"serving ready {url(order)} model={order.served_name}")

    def down(self) -> None:
        """Its port is closed: whoever asks sees it."""

    def hopeless(self) -> bool:
        return not self._told


def url(order: EngineOrder) -> str:
    host = f"[{order.host}]" if ":" in order.host else order.host
    return f"http://{host}:{order.port}"


def local_url(order: EngineOrder) -> str:
    """Where this machine reaches the engine, also when it listens on every address."""
    return url(replace(order, host={"0.0.0.0": "127.0.0.1", "::": "::1"}.get(order.host, order.host)))  # noqa: S104

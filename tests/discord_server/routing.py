"""From a method and a path to a handler; templates as in the documentation, with a bucket for the rate limits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.discord_server.calls import Call

Handler = Callable[[Call], Any]  # returns what is to be said as JSON; None for 204


@dataclass(frozen=True, slots=True)
class Route:
    """`major`: the ids that separate rate limits (docs: topics/rate-limits); `open`: needs no bot token and is outside the
    global limit, as interaction endpoints are."""

    method: str
    template: str
    handler: Handler
    bucket: str = "other"
    open: bool = False

    @property
    def major(self) -> tuple[str, ...]:
        names = ("channel_id", "guild_id", "webhook_id", "token")
        return tuple(name for name in names if f"{{{name}}}" in self.template)


@dataclass(slots=True)
class _Node:
    words: dict[str, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None
    name: str = ""
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)


class Routing:
    def __init__(self, routes: list[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        names: list[str] = []
        for part in route.template.strip("/").split("/"):
            if part.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
                names.append(part[1:-1])
            else:
                node = node.words.setdefault(part, _Node())
        node.routes[route.method] = (route, tuple(names))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | int:
        """The route and its ids, or the status to answer: 404, 405."""
        node, ids = self._root, []
        for part in path.strip("/").split("/"):
            known = node.words.get(part)
            if known is None:
                if node.any is None:
                    return 404
                known = node.any
                ids.append(part)
            node = known
        found = node.routes.get(method)
        if found is None:
            return 405 if node.routes else 404
        route, names = found
        return route, dict(zip(names, ids, strict=True))

"""Asks node and bot again and again, remembers a little, and gives a view of both: who is away is named, and asked again."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass

import aiohttp

from bot.cli.watching import fetching
from bot.cli.watching.exposition import Exposition
from bot.cli.watching.fetching import Unreachable
from bot.cli.watching.places import Place, told_node
from bot.cli.watching.rows import GENERATED, BotRow, NodeRows, bot_row, node_rows

LATELY_S = 10.0
MOST_KEPT = 64
MOST_REPLICAS = 1000


@dataclass(frozen=True, slots=True)
class View:
    """What is to be seen now. `..._at` is an address, "" while it is not known; a trouble is "" when all is well."""

    node_at: str
    node: NodeRows | None
    node_trouble: str
    bot_at: str
    bot: BotRow | None
    bot_trouble: str


class Lately:
    """The readings of the last ten seconds, and one from before."""

    def __init__(self) -> None:
        self._kept: deque[Exposition] = deque(maxlen=MOST_KEPT)

    def compared(self, now: Exposition) -> Exposition | None:
        """The reading to compare this one with: some ten seconds old, as soon as there is one. Keeps this one."""
        while len(self._kept) > 1 and self._kept[1].at <= now.at - LATELY_S:
            self._kept.popleft()
        before = self._kept[0] if self._kept else None
        self._kept.append(now)
        return before


class Watch:
    """`look` as often as you like; each takes a few seconds at most and raises nothing for who is away."""

    def __init__(self, node: Place, bot: Place, http: aiohttp.ClientSession) -> None:
        self._node = node
        self._bot = bot
        self._http = http
        self._node_lately, self._bot_lately = Lately(), Lately()
        self._seen: dict[str, None] = {}

    async def look(self) -> View:
        (bot, bot_trouble), (node_at, node, node_trouble) = await asyncio.gather(self._look_at_bot(), self._look_at_node())
        return View(node_at, node, node_trouble, self._bot.url, bot, bot_trouble)

    async def _look_at_bot(self) -> tuple[BotRow | None, str]:
        if not self._bot.url:
            return None, self._bot.advice
        try:
            now = await fetching.figures(self._http, self._bot.url, "")
        except Unreachable as away:
            return None, f"{away}; {self._bot.advice}"
        return bot_row(now, self._bot_lately.compared(now)), ""

    async def _look_at_node(self) -> tuple[str, NodeRows | None, str]:
        url = self._node.url
        try:
            url = url or await self._told()
            now = await fetching.figures(self._http, url, self._node.key)
        except Unreachable as away:
            return url, None, f"{away}; {self._node.advice}"
        if not any(name == GENERATED or name.startswith("frontdesk_node_") for name in now.whole.samples):
            return url, None, "answers, but tells no figures of vLLM"
        self._seen |= dict.fromkeys([*now.parts][: MOST_REPLICAS - len(self._seen)])
        return url, node_rows(now, self._node_lately.compared(now), self._seen), ""

    async def _told(self) -> str:
        """With `[serving] port = 0` the running instance alone knows where its node is."""
        url = ""
        if self._bot.url:
            with contextlib.suppress(Unreachable):
                url = told_node(await fetching.readiness(self._http, self._bot.url))
        if not url:
            raise Unreachable("has a free port ([serving] port = 0) that only a running frontdesk run knows")
        return url

"""One bot of Discord: it sends as soon as it exists, and receives while `run` runs."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import structlog
from starlette.routing import BaseRoute

from adapters.discord.addresses import point_to
from adapters.discord.catching_up import CatchingUp
from adapters.discord.channel import DiscordChannel
from adapters.discord.cursors import Progress
from adapters.discord.gateway import Gateway, quieten
from adapters.discord.inlet import Inlet
from adapters.discord.interactions import Interactions
from adapters.discord.lane import Lane
from adapters.discord.places import Places
from adapters.discord.rest import Rest
from adapters.discord.settings import DiscordSettings
from adapters.discord.threads import Threads
from bot.events import AccountKey
from bot.ports import Cursors, Intake
from bot.views import CommandView

CLOSE_WITHIN_S = 5.0
log = structlog.get_logger(__name__)


class DiscordAccount:
    """`channel` is the `PushChannel`. `counts` tells what happened by name: gaps, caught_up (messages read from history),
    overflow, lost (in a gap, not in any history), dropped_places, not_taken, not_deferred, not_said.
    """

    def __init__(
        self,
        key: AccountKey,
        settings: DiscordSettings,
        intake: Intake,
        cursors: Cursors,
        commands: Sequence[CommandView],
    ) -> None:
        quieten()
        point_to(settings.api_base, settings.gateway_url)
        self.key = key
        self.counts: Counter[str] = Counter()
        self._rest = Rest(settings.token)
        progress = Progress()
        self._places = places = Places(staff_forum_id=settings.staff_forum_id, known=progress.knows)
        threads = Threads(self._rest)
        self.channel = DiscordChannel(key.name, self._rest, places=places, threads=threads)
        self._lane = Lane(key, intake)
        wanted = asyncio.Event()
        inlet = Inlet(key, lane=self._lane, progress=progress, places=places, threads=threads, gap=wanted.set, counts=self.counts)
        self._catching_up = CatchingUp(
            key,
            rest=self._rest,
            intake=intake,
            cursors=cursors,
            progress=progress,
            places=places,
            counts=self.counts,
            lane=self._lane,
            inlet=inlet,
            wanted=wanted,
        )
        interactions = Interactions(key, self._rest, intake, self.counts)
        self._gateway = Gateway(key.name, settings, heard=inlet.hear, interactions=interactions, places=places, commands=commands)

    def routes(self) -> list[BaseRoute]:
        """Discord comes by the gateway: the public listener serves nothing for it."""
        return []

    async def run(self) -> None:
        """Receive until cancelled. Only whoever holds the account's lease may run it. An error that nobody foresaw is raised."""
        async with asyncio.TaskGroup() as parts:
            for part in (self._lane.run, self._catching_up.run, self._gateway.run):
                parts.create_task(part())

    async def close(self) -> None:
        """End the connections for sending; bounded."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._rest.close()
        except TimeoutError:
            log.warning("discord.close_took_long", account=self.key.name)

"""Puts the parts of `frontdesk run` together, and says in which order they stop."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from socket import socket

from starlette.routing import BaseRoute

from adapters.web.routes import routes
from adapters.web.streams import Streams
from bot.application import Part, Stage
from bot.cli.channels import ChannelAccount
from bot.cli.configuration import Configuration
from bot.cli.dialogue import Dialogue, assemble
from bot.cli.generation import Generation
from bot.cli.node import NodeProcess
from bot.cli.readiness import Claims, Readiness
from bot.connections import room
from bot.conversation.intake import StoredIntake
from bot.events import AccountKey
from bot.generation.client import Deadlines, GenerationClient
from bot.generation.tide import MOST
from bot.http import Health, HttpHost
from bot.metrics import Metrics
from bot.secret import Secret
from bot.settings import GenerationSettings
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.upkeep import Upkeep

MOST_STREAMS = 20_000
# seconds a stage of the drain may take at most; the application bounds them together
WORKERS_S = 11.0
PUSH_S = 8.0
HTTP_S = 5.0
NODE_S = 12.0


@dataclass(slots=True)
class Claiming:
    """The worker, and word to readiness as soon as it is told to stop."""

    part: Part
    claims: Claims
    name: str = "worker"

    async def run(self, stopping: asyncio.Event) -> None:
        noting = asyncio.create_task(self._note(stopping))
        try:
            await self.part.run(stopping)
        finally:
            noting.cancel()

    async def _note(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.claims.stopped = True


@dataclass(slots=True)
class Serving:
    """The HTTP host; open event streams are ended first, so that their clients come back elsewhere with their cursor."""

    host: HttpHost
    streams: Streams
    name: str = "http"

    async def run(self, stopping: asyncio.Event) -> None:
        closing = asyncio.create_task(self._close_streams(stopping))
        try:
            await self.host.run(stopping)
        finally:
            closing.cancel()

    async def _close_streams(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.streams.close()


def client(generation: Generation, settings: GenerationSettings) -> GenerationClient:
    """The one client of this process; made inside the event loop."""
    deadlines = Deadlines(settings.first_token_timeout_s, settings.idle_timeout_s, settings.total_timeout_s)
    connections = (generation.max_concurrent or MOST) + 8
    return GenerationClient(generation.url, generation.model, generation.api_key, deadlines, connections=connections)


@dataclass(frozen=True, slots=True)
class Opened:
    """What is open before the parts are put together, and is closed after they ended. `push`: the push accounts."""

    store: Store
    accounts: Mapping[AccountKey, AccountRef]
    client: GenerationClient
    generation: Generation
    secret: Secret
    metrics: Metrics
    intake: StoredIntake
    push: Sequence[ChannelAccount] = ()


def stages(
    configuration: Configuration, opened: Opened, node: NodeProcess | None, public: socket, private: socket, *, title: str
) -> Sequence[Stage]:
    """First the claimers end, while answers may still be fetched; then the accounts, which send what was answered; then the
    listeners; the node last, since answers need it. `title`: what the page calls the business.
    """
    push = opened.push
    claims = Claims(push)
    dialogue = assemble(
        store=opened.store,
        accounts=opened.accounts,
        intake=opened.intake,
        push=push,
        client=opened.client,
        generation=opened.generation,
        settings=configuration.generation,
        conversation=configuration.conversation,
        database=configuration.database,
        secret=opened.secret,
        metrics=opened.metrics,
        routes=claims.routes,
        held=claims.held,
    )
    readiness = Readiness(opened.store, opened.metrics, claims, lambda: dialogue.worker.in_flight, lambda: dialogue.tide.limit)
    health = Health(readiness.checks, readiness.refresh, opened.metrics, opened.generation.node)
    more = [route for one in push for route in one.routes()]
    http = _http(configuration, dialogue, health, public, private, title, more)
    working: list[Part] = [
        Claiming(dialogue.worker, claims),
        dialogue.jobs,
        dialogue.notices,
        dialogue.line,
        Upkeep(opened.store, opened.metrics),
    ]
    return [
        Stage(working, WORKERS_S),
        Stage(push, PUSH_S),
        Stage([http], HTTP_S),
        Stage([node] if node is not None else [], NODE_S),
    ]


def _http(
    configuration: Configuration,
    dialogue: Dialogue,
    health: Health,
    public: socket,
    private: socket,
    title: str,
    more: Sequence[BaseRoute],
) -> Serving:
    connections = room()
    streams = Streams(limit=min(MOST_STREAMS, connections * 3 // 4))  # the rest is for requests
    table = routes(
        intake=dialogue.intake,
        record=dialogue.record,
        sessions=dialogue.visitors,
        settings=configuration.web,
        streams=streams,
        title=title,
    )
    return Serving(HttpHost(public, private, [*table, *more], health, connections), streams)

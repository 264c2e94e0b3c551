"""The Discord stand-in as a whole: one port with the REST API, the gateway and the attachments; the world behind it."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from tests.discord_server.cdn import Cdn
from tests.discord_server.clock import Clock
from tests.discord_server.commands import Commands
from tests.discord_server.control import Control
from tests.discord_server.events import Events
from tests.discord_server.faults import Fault, Faults
from tests.discord_server.gateway import Gateway
from tests.discord_server.interactions import Interactions
from tests.discord_server.limits import Limits
from tests.discord_server.payloads import Links
from tests.discord_server.people import Person, Town
from tests.discord_server.posting import Posting
from tests.discord_server.rates import Rates
from tests.discord_server.records import Application, Channel
from tests.discord_server.responses import Responses
from tests.discord_server.rest import Rest
from tests.discord_server.routes_applications import Applications
from tests.discord_server.routes_channels import Channels
from tests.discord_server.routes_interactions import InteractionRoutes
from tests.discord_server.routes_messages import Messages
from tests.discord_server.seen import Changes, Log, Seen
from tests.discord_server.sessions import Sessions
from tests.discord_server.threads import Threads
from tests.discord_server.world import World

API = "/api/v10"


class DiscordServer:
    """`async with DiscordServer() as server:` listens on 127.0.0.1. `keep` bounds the log and the messages of a channel."""

    def __init__(self, limits: Limits | None = None, *, port: int = 0, keep: int | None = None) -> None:
        self.limits = limits or Limits()
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._socket.getsockname()[1]
        self.clock = Clock()
        self._changes = Changes()
        self.log = Log(self._changes, keep)
        self.world = World(self.clock)
        self.faults = Faults()
        self._sessions = Sessions(self.clock, self.limits.session_life)
        self.gateway = Gateway(
            self._sessions,
            find=self.world.tokens.get,
            guilds=self.world.guilds,
            clock=self.clock,
            limits=self.limits,
            changed=self._changes.touch,
        )
        self.gateway.handshake.resume_url = f"ws://127.0.0.1:{self.port}/resume"
        self._build(keep)
        listener = web.Server(self._answer, request_factory=self._request, access_log=None)
        self._runner = web.ServerRunner(listener, shutdown_timeout=1.0)

    def _build(self, keep: int | None) -> None:
        clock, limits, world = self.clock, self.limits, self.world
        self.links = Links(f"http://127.0.0.1:{self.port}", clock, limits)
        world.events = events = Events(self._sessions, self.links, world.apps)
        self.posting = Posting(events, self.log, clock, limits, keep)
        self.threads = Threads(world.channels, events, self.posting, self.log, clock)
        self.interactions = Interactions(events, self.links, self.log, clock, limits)
        self.commands = Commands(clock, limits)
        self.rates = Rates(limits, clock)
        responses = Responses(self.interactions, self.posting, clock, limits)
        messages = Messages(world, self.posting, self.links, limits)
        routes = [
            *messages.routes(),
            *Channels(world, self.threads, messages, limits).routes(),
            *Applications(world, self.commands, limits, lambda: self.gateway_url).routes(),
            *InteractionRoutes(self.interactions, responses, self.links).routes(),
        ]
        self.rest = Rest(
            routes,
            find=world.tokens.get,
            rates=self.rates,
            faults=self.faults,
            clock=clock,
            limits=limits,
            changed=self._changes.touch,
        )
        self.cdn = Cdn(world, self.faults, clock, self._changes.touch)
        self._control = Control(self)
        self.town = Town(world, self.posting, self.threads, self.interactions, self.commands, self.links)

    # life

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.interactions.stop()
        self.rest.end()
        self.cdn.end()
        await self.gateway.stop()
        await self._runner.cleanup()

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        """aiohttp's own request, but with the platform's size of a body instead of one MiB."""
        loop, size = asyncio.get_running_loop(), self.limits.request_bytes
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=size)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith(API):
            return await self.rest.answer(request, path[len(API) :])
        if path.startswith(("/gateway", "/resume")):
            return await self.gateway.connect(request)
        if path.startswith("/_control/"):
            return await self._control.answer(request, path[len("/_control/") :])
        if path.startswith("/attachments/"):
            return await self.cdn.answer(request)
        return web.Response(status=404, text="not here")

    # addresses

    @property
    def api_base(self) -> str:
        """For `discord.http.Route.BASE`."""
        return f"http://127.0.0.1:{self.port}{API}"

    @property
    def gateway_url(self) -> str:
        """For `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY` (as a `yarl.URL`)."""
        return f"ws://127.0.0.1:{self.port}/gateway"

    # people and bots

    def person(self, name: str) -> Person:
        return Person(self.world.user(name), self.town)

    def application(
        self, token: str, name: str = "Desk", *, message_content: bool = True, members: bool = False, presences: bool = False
    ) -> Application:
        return self.world.application(token, name, message_content=message_content, members=members, presences=presences)

    # time

    def advance(self, seconds: float) -> None:
        """Push the server's clock: tokens, nonces, rates, sessions and signed URLs age at once."""
        self.clock.advance(seconds)
        self.interactions.expire()

    async def wait_until(self, predicate: Callable[[], object], timeout: float = 10.0) -> None:
        """Return once the predicate over the server's state is true; TimeoutError after `timeout` seconds."""
        await self._changes.wait_until(predicate, timeout)

    def touch(self) -> None:
        """Let those who wait look again, when their predicate is also about something outside the server."""
        self._changes.touch()

    async def wait_connected(self, bot: Application | None = None, *, times: int = 1) -> None:
        await self.wait_until(lambda: self.gateway.connected(bot) >= times)

    # faults

    @property
    def fault(self) -> Callable[[str, str], Fault | None] | None:
        """Asked for every REST call with method and route template."""
        return self.faults.script

    @fault.setter
    def fault(self, script: Callable[[str, str], Fault | None] | None) -> None:
        self.faults.script = script

    def fail_next(self, fault: Fault, method: str | None = None, route: str | None = None, times: int = 1) -> None:
        self.faults.fail_next(fault, method, route, times)

    # what happened

    @property
    def calls(self) -> Counter[tuple[str, str]]:
        return self.rest.calls

    @property
    def broken_limits(self) -> int:
        """Calls made while the bot had been told to wait."""
        return self.rates.broken

    @property
    def invalid_answers(self) -> int:
        return self.rates.invalid

    def on_show(self, place: Channel | int) -> list[str]:
        """The texts of the messages that stand in a channel now, oldest first."""
        channel = place if isinstance(place, Channel) else self.world.channels.get(place)
        return [channel.messages[each].content for each in channel.order] if channel else []

    def times_shown(self, text: str) -> int:
        return self.log.times_shown(text)

    def seen(self, place: Channel | int) -> list[Seen]:
        """Everything that happened in a channel, oldest first."""
        return self.log.of(place.id if isinstance(place, Channel) else place)

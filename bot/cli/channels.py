"""The push accounts of `frontdesk run`: for each token in the settings what receives, what sends, and the lease over both."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import structlog
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.cli.configuration import Configuration
from bot.commands.menu import views
from bot.delivery.account import PushAccount
from bot.events import AccountKey, ChannelAddress
from bot.metrics import Metrics
from bot.ports import Adapter, Cursors, Intake, PreviewTarget, PushChannel
from bot.store.parties import AccountRef
from bot.store.store import Store

log = structlog.get_logger()


class Platform(Adapter, Protocol):
    """One bot identity on its platform: it receives while `run` runs, and sends as long as it is not closed."""

    @property
    def channel(self) -> PushChannel: ...

    @property
    def counts(self) -> Mapping[str, int]: ...

    def routes(self) -> Sequence[BaseRoute]:
        """What the public listener serves for it."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Needs:
    """What an account is made of besides its platform."""

    store: Store
    intake: Intake
    cursors: Cursors
    metrics: Metrics
    lease_s: float


class ChannelAccount:
    """A running part: one account, beside everything else. Its SDK takes seconds to import, so that happens in a thread while the
    process already serves whoever else there is; until then it holds nothing, and webhooks are told to come again.
    """

    def __init__(self, key: AccountKey, ref: AccountRef, module: str, make: Callable[[], Platform], needs: Needs) -> None:
        self.key = key
        self.account_id = ref.account_id
        self.name = f"{key.channel}.{key.name}"
        self._ref = ref
        self._module = module
        self._make = make
        self._needs = needs
        self._platform: Platform | None = None
        self._part: PushAccount | None = None
        self._door = Door()

    @property
    def counts(self) -> Mapping[str, int]:
        """What its adapter met since it started, by name."""
        return self._platform.counts if self._platform is not None else {}

    @property
    def held(self) -> bool:
        """Whether this process answers the account's conversations."""
        return self._part is not None and self._part.held

    async def run(self, stopping: asyncio.Event) -> None:
        """Load the SDK, then hold and serve the account until `stopping`. Without the SDK the other channels go on."""
        if missing := await asyncio.to_thread(_missing, self._module):
            log.error("channel.not_loaded", account=self.name, error=missing, advice="install the requirements again")
            await stopping.wait()
            return
        needs = self._needs
        self._platform = platform = self._make()
        self._door.inside = Router(list(platform.routes()))
        self._part = PushAccount(
            needs.store,
            platform.channel,
            self._ref,
            receive=platform.run,
            tally=needs.metrics,
            chance=random.random,
            lease_s=needs.lease_s,
        )
        try:
            await self._part.run(stopping)
        finally:
            await platform.close()

    def split(self, address: ChannelAddress, text: str) -> tuple[str, ...]:
        """A text as the physical messages that it needs at an address. Only who holds the account asks."""
        assert self._part is not None, "an account is answered for only once it is held"
        return self._part.split(address, text)

    async def fetch(self, reference: str, max_bytes: int) -> bytes:
        """See `bot.ports.PushChannel`. Only who holds the account asks."""
        assert self._platform is not None, "an account is answered for only once it is held"
        return await self._platform.channel.fetch(reference, max_bytes)

    def show(self, target: PreviewTarget, text: str) -> None:
        """See `bot.ports.Previews`."""
        if self._part is not None:
            self._part.previews.show(target, text)

    def gone(self, target: PreviewTarget) -> None:
        """See `bot.ports.Previews`."""
        if self._part is not None:
            self._part.previews.gone(target)

    def routes(self) -> list[BaseRoute]:
        """The account's own corner of the public listener."""
        return [Route(f"/{self.key.channel}/{self.key.name}", self._door)]


def _missing(module: str) -> str:
    """Import the module; what it does not find, "" when all is there."""
    try:
        import_module(module)
    except ImportError as error:
        return str(error) or module
    return ""


class Door:
    """Where an account's requests come in: to its platform once that is there."""

    def __init__(self) -> None:
        self.inside: ASGIApp = _busy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inside(scope, receive, send)


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(status_code=503, headers={"Retry-After": "2"})(scope, receive, send)


def push_accounts(configuration: Configuration) -> dict[AccountKey, str]:
    """The accounts that have a token, and the workspace that each names ("" for the only one there is)."""
    telegram = {AccountKey("telegram", name): one for name, one in configuration.telegram.items() if one.enabled}
    discord = {AccountKey("discord", name): one for name, one in configuration.discord.items() if one.enabled}
    return {key: one.workspace for key, one in telegram.items()} | {key: one.workspace for key, one in discord.items()}


def connect(configuration: Configuration, accounts: Mapping[AccountKey, AccountRef], needs: Needs) -> list[ChannelAccount]:
    """One for each token in the settings."""
    return [
        ChannelAccount(key, accounts[key], *MAKERS[key.channel](configuration, key, needs))
        for key in push_accounts(configuration)
    ]


def _telegram(configuration: Configuration, key: AccountKey, needs: Needs) -> tuple[str, Callable[[], Platform], Needs]:
    def make() -> Platform:
        from adapters.telegram.account import TelegramAccount

        settings = configuration.telegram[key.name]
        return TelegramAccount(key, settings, needs.intake, needs.cursors, views())

    return "adapters.telegram.account", make, needs


def _discord(configuration: Configuration, key: AccountKey, needs: Needs) -> tuple[str, Callable[[], Platform], Needs]:
    def make() -> Platform:
        from adapters.discord.account import DiscordAccount

        return DiscordAccount(key, configuration.discord[key.name], needs.intake, needs.cursors, views())

    return "adapters.discord.account", make, needs


MAKERS: dict[str, Callable[[Configuration, AccountKey, Needs], tuple[str, Callable[[], Platform], Needs]]] = {
    "telegram": _telegram,
    "discord": _discord,
}

"""The push accounts of `frontdesk run`: for each token in the settings what receives, what sends, and the lease over both."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.routing import Route

from bot.cli.configuration import Configuration
from bot.delivery.account import PushAccount
from bot.events import AccountKey
from bot.metrics import Metrics
from bot.ports import Adapter, Cursors, Intake, PushChannel
from bot.store.parties import AccountRef
from bot.store.store import Store


class Platform(Adapter, Protocol):
    """One bot identity on its platform: it receives while `run` runs, and sends as long as it is not closed."""

    @property
    def channel(self) -> PushChannel: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Connected:
    """An account of this process: the platform's side, our delivery, and what the public listener serves for it."""

    ref: AccountRef
    platform: Platform
    part: PushAccount
    routes: Sequence[Route] = ()


def push_accounts(configuration: Configuration) -> dict[AccountKey, str]:
    """The accounts that have a token, and the workspace that each names ("" for the only one there is)."""
    telegram = {AccountKey("telegram", name): one for name, one in configuration.telegram.items() if one.enabled}
    discord = {AccountKey("discord", name): one for name, one in configuration.discord.items() if one.enabled}
    return {key: one.workspace for key, one in telegram.items()} | {key: one.workspace for key, one in discord.items()}


def connect(
    configuration: Configuration,
    store: Store,
    accounts: Mapping[AccountKey, AccountRef],
    intake: Intake,
    cursors: Cursors,
    metrics: Metrics,
) -> list[Connected]:
    """An adapter and its delivery for each. The SDK of a channel is imported only when an account needs it."""
    connected = []
    for key in push_accounts(configuration):
        platform, routes = _platform(configuration, key, intake, cursors, metrics)
        part = PushAccount(
            store,
            platform.channel,
            accounts[key],
            receive=platform.run,
            tally=metrics,
            chance=random.random,
            lease_s=configuration.database.lease_s,
        )
        connected.append(Connected(accounts[key], platform, part, routes))
    return connected


def _platform(
    configuration: Configuration, key: AccountKey, intake: Intake, cursors: Cursors, metrics: Metrics
) -> tuple[Platform, Sequence[Route]]:
    if key.channel == "telegram":
        from adapters.telegram.account import TelegramAccount

        telegram = TelegramAccount(key, configuration.telegram[key.name], intake, cursors, counters=metrics)
        return telegram, telegram.routes()
    from adapters.discord.account import DiscordAccount

    return DiscordAccount(key, configuration.discord[key.name], intake, cursors), ()

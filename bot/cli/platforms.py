"""The doctor's look at the push accounts: is the token good, may the bot do what it must, does it receive as the settings say."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Protocol

from bot.cli.channels import push_accounts
from bot.cli.configuration import Configuration
from bot.cli.findings import Finding, fail, ok, warn
from bot.events import AccountKey

# without these nothing works; the others are told as warnings
NEEDED = frozenset({"token", "connection"})


class Found(Protocol):
    """What an adapter says of one thing that it looked at; `advice` is "" where nothing is to be done."""

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def text(self) -> str: ...
    @property
    def advice(self) -> str: ...


def examine(configuration: Configuration) -> list[Finding]:
    """Every account that has a token; each is given five seconds. Reads only."""
    found = []
    for key in push_accounts(configuration):
        found += [_told(key, one) for one in asyncio.run(_inspect(configuration, key))]
    return found


async def _inspect(configuration: Configuration, key: AccountKey) -> Iterable[Found]:
    looking: Awaitable[Iterable[Found]]
    if key.channel == "telegram":
        from adapters.telegram.inspection import inspect as look_at_telegram

        looking = look_at_telegram(configuration.telegram[key.name], key.name)
    else:
        from adapters.discord.inspection import inspect as look_at_discord

        looking = look_at_discord(configuration.discord[key.name], key.name)
    return await looking


def _told(key: AccountKey, found: Found) -> Finding:
    check = f"{key.channel}.{key.name} {found.name}"
    if found.ok:
        return Finding(check, "ok", found.text, found.advice) if found.advice else ok(check, found.text)
    return (fail if found.name in NEEDED else warn)(check, found.text, found.advice)

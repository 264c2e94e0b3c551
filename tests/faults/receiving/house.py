"""The accounts of a life, connected by the product's own composition, with wrapped parts in the places of the real ones."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from bot.cli import channels
from bot.delivery.account import PushAccount
from bot.delivery.limits import DeliveryLimits, PreviewLimits
from bot.events import AccountKey
from bot.ports import PushChannel
from bot.store.store import Store
from tests.faults.points import Fuse
from tests.faults.receiving.arrows import FusedPlatform

LIMITS = DeliveryLimits(request_s=1.5, poll_s=0.2, sweep_s=3.0, drain_s=3.0, backoff_s=0.1, longest_backoff_s=0.6, stale_s=4.0)
PREVIEWS = PreviewLimits(grace_s=0.0, interval_s=0.15, request_s=1.5, stale_s=4.0)


def furnish(accounts: Mapping[AccountKey, str], fuse: Fuse, mutant: str) -> None:
    """From here on this process, which is a life, makes its accounts of wrapped parts. An SDK is loaded where one needs it."""
    platforms = {key.channel for key in accounts}
    if "telegram" in platforms:
        from tests.faults.receiving import telegram_parts

        telegram_parts.furnish(fuse, mutant)
    if "discord" in platforms:
        from tests.faults.receiving import discord_parts

        discord_parts.furnish(fuse, mutant)
    channels.PushAccount = partial(_account, fuse)


def _account(fuse: Fuse, store: Store, channel: PushChannel, *given: Any, **named: Any) -> PushAccount:
    fused: Any = FusedPlatform(channel, fuse)
    return PushAccount(store, fused, *given, **named, limits=LIMITS, preview_limits=PREVIEWS)

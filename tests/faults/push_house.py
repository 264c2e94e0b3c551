"""A push account inside a life: poller, worker, previews and relay around a line to its platform, held under one lease."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime

from bot.application import Stage
from bot.cli.configuration import Configuration
from bot.commands.menu import all_commands
from bot.conversation.contents import Contents
from bot.conversation.fetching import Fetching
from bot.conversation.fitting import Fitting
from bot.conversation.intake import StoredIntake
from bot.conversation.manager import Manager, Voice
from bot.delivery.carry import Carrier
from bot.delivery.limits import DeliveryLimits, PreviewLimits
from bot.delivery.pacing import Pacing
from bot.delivery.push_preview import PushPreviews
from bot.delivery.relay import Relay
from bot.delivery.splitting import split
from bot.delivery.tenure import Tenure
from bot.errors import StoreUnavailable
from bot.events import AccountKey, Author, ChannelAddress, MessageReceived, Received
from bot.generation.client import GenerationClient
from bot.generation.node import Node
from bot.generation.tide import Tide
from bot.metrics import Metrics
from bot.ports import PushChannel
from bot.secret import Secret
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.worker import Worker
from tests.faults import mutants
from tests.faults.points import Fuse
from tests.faults.push_line import LinePlatform, Update
from tests.faults.wrapping import FusedChannel
from tests.house import NoFiles

PUSH = AccountKey("telegram", "main")
LIMITS = DeliveryLimits(
    workers=32,
    request_s=1.0,
    poll_s=0.2,
    sweep_s=1.0,
    drain_s=2.0,
    backoff_s=0.1,
    longest_backoff_s=1.0,
    settle_within_s=60.0,
    stale_s=0.9,
)
PREVIEWS = PreviewLimits(grace_s=0.0, interval_s=0.03, request_s=1.0, stale_s=0.9)  # under two thirds of the lease


class Desk:
    """What runs while the account is ours."""

    name = "push"

    def __init__(self, store: Store, ref: AccountRef, intake: StoredIntake, line: LinePlatform, carrier: Carrier) -> None:
        self._store = store
        self._ref = ref
        self._intake = intake
        self._line = line
        self._carrier = carrier
        self.previews: PushPreviews
        self._tenure = Tenure(store, ref, lease_s=1.5)
        self._held = False
        self._stopping: asyncio.Event

    def routes(self) -> list[str]:
        """What the push worker may claim now."""
        return [self._ref.account_id] if self._held else []

    async def run(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        await self._line.connect()
        holding = asyncio.create_task(self._tenure.hold(self._body))
        stopped = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({holding, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not self._held:
                holding.cancel()
            await asyncio.wait({holding})
            if not holding.cancelled():
                holding.result()
        finally:
            stopped.cancel()
            holding.cancel()
            await self._line.close()

    async def _body(self) -> None:
        relay = Relay(self._store, self._carrier, self._ref, limits=LIMITS)
        self._held = True
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(self.previews.run()), tasks.create_task(self._poll())]
                relaying = tasks.create_task(relay.run())
                await self._stopping.wait()
                relay.stop()
                await relaying
                for task in others:
                    task.cancel()
        finally:
            self._held = False

    async def _poll(self) -> None:
        """Updates are confirmed, by asking for later ones, only after they are stored."""
        offset = 0
        while not self._stopping.is_set():
            batch = await self._line.updates(offset)
            if not batch:
                continue
            try:
                await self._intake.receive([_received(update) for update in batch])
            except StoreUnavailable as error:
                await asyncio.sleep(min(error.retry_after_s, 0.2))
            else:
                offset = batch[-1].update_id + 1


def _received(update: Update) -> Received:
    address = ChannelAddress(PUSH.channel, PUSH.name, update.chat_id)
    event = MessageReceived(address, Author(update.chat_id), update.text, datetime.now(UTC), str(update.update_id))
    return Received(PUSH, f"u{update.update_id}", update.text.encode(), event)


def push_stage(
    configuration: Configuration,
    store: Store,
    accounts: Mapping[AccountKey, AccountRef],
    client: GenerationClient,
    secret: Secret,
    fuse: Fuse,
    platform: str,
    *,
    mutant: str,
) -> Stage:
    """The parts of the push account, over the same store and node as the web channel."""
    metrics, ref, line, pacing = Metrics(), accounts[PUSH], LinePlatform(platform), Pacing()
    channel: PushChannel = FusedChannel(line, fuse)
    previews = PushPreviews(store, channel, pacing=pacing, tally=metrics, limits=PREVIEWS)
    carrier = Carrier(store, channel, ref, pacing=pacing, previews=previews, tally=metrics, limits=LIMITS, chance=random.random)
    conversation, generation = configuration.conversation, configuration.generation
    debounce_s, interruptible = conversation.debounce_ms / 1000, conversation.on_new_message == "interrupt"
    intake = StoredIntake(store, accounts, all_commands(), metrics, debounce_s=0.0 if interruptible else debounce_s)
    desk = Desk(store, ref, intake, line, carrier)
    desk.previews = previews
    node, tide = Node(client, generation.dialect), Tide(metrics)
    manager = Manager(
        mutants.sending_first(mutant, store, channel),
        client,
        node,
        tide,
        Fitting(store, node, history_tokens=conversation.history_tokens, max_tokens=generation.max_tokens),
        Contents(store, {one.account_id: one for one in accounts.values()}),
        Fetching(store, NoFiles(), metrics),
        previews,
        Voice(0.0, debounce_s),
        secret.sign,
        lambda where, text: split(text, channel.measure, channel.habits(where).max_text),
        metrics,
    )
    worker = Worker(
        store,
        manager,
        metrics,
        desk.routes,
        tide,
        lease_s=configuration.database.lease_s,
        interruptible=interruptible,
    )
    return Stage([worker, desk], 8.0)

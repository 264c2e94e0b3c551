"""One push account of this process: while its lease is held, its texts are sent and its answers previewed from here."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.delivery.carry import Carrier
from bot.delivery.limits import DeliveryLimits, PreviewLimits
from bot.delivery.pacing import Pacing
from bot.delivery.push_preview import PushPreviews
from bot.delivery.relay import Relay
from bot.delivery.splitting import split
from bot.delivery.tally import Tally
from bot.delivery.tenure import Tenure
from bot.events import AccountKey, ChannelAddress
from bot.ports import PushChannel
from bot.rounds import guarded
from bot.store.parties import AccountRef
from bot.store.store import Store

AGAIN_S = 5.0


class PushAccount:
    """A running part. `previews` is what the manager shows answers through; while `held`, the account's conversations are
    answered here. `receive` runs meanwhile and is cancelled first. `chance` gives numbers in [0, 1).
    """

    def __init__(
        self,
        store: Store,
        channel: PushChannel,
        ref: AccountRef,
        *,
        tally: Tally,
        chance: Callable[[], float],
        lease_s: float,
        receive: Callable[[], Awaitable[None]] | None = None,
        limits: DeliveryLimits | None = None,
        preview_limits: PreviewLimits | None = None,
    ) -> None:
        self._store = store
        self._channel = channel
        self._ref = ref
        self._receive = receive
        self._tally = tally
        self._limits = limits or DeliveryLimits()
        self.key = AccountKey(ref.channel, ref.name)
        self.account_id = ref.account_id
        self.name = f"{ref.channel}.{ref.name}"
        pacing = Pacing()
        self.previews = PushPreviews(store, channel, pacing=pacing, tally=tally, limits=preview_limits or PreviewLimits())
        self._carrier = Carrier(
            store, channel, ref, pacing=pacing, previews=self.previews, tally=tally, limits=self._limits, chance=chance
        )
        self._tenure = Tenure(store, ref, lease_s=lease_s)
        self.held = False

    def split(self, address: ChannelAddress, text: str) -> tuple[str, ...]:
        """A text as the physical messages that it needs at an address."""
        return split(text, self._channel.measure, self._channel.habits(address).max_text)

    async def run(self, stopping: asyncio.Event) -> None:
        """Hold the account and serve it until `stopping`; then finish the requests under way and let go of it."""
        holding = asyncio.create_task(self._tenure.hold(lambda: self._serve(stopping)))
        stopped = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({holding, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self.held or holding.done():
                await holding
        finally:
            for task in (holding, stopped):
                task.cancel()
            await asyncio.wait({holding, stopped})

    async def _serve(self, stopping: asyncio.Event) -> None:
        relay = Relay(self._store, self._carrier, self._ref, limits=self._limits)
        self.held = True
        try:
            async with asyncio.TaskGroup() as tasks:
                previewing = tasks.create_task(self.previews.run())
                receiving = tasks.create_task(self._hear())
                ending = tasks.create_task(_stop_on(stopping, relay, receiving))
                await relay.run()
                for task in (previewing, receiving, ending):
                    task.cancel()
        finally:
            self.held = False

    async def _hear(self) -> None:
        """Receive; what nobody foresaw there ends in the log, and receiving begins anew."""
        while self._receive is not None:
            await guarded(self.name, self._tally, self._receive())
            await asyncio.sleep(AGAIN_S)


async def _stop_on(stopping: asyncio.Event, relay: Relay, receiving: asyncio.Task[None]) -> None:
    await stopping.wait()
    receiving.cancel()
    relay.stop()

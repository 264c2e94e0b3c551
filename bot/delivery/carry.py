"""Carries one row one request further: wait for its budget, mark it, make the request, record what came of it."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import sqlalchemy as sa
import structlog

from bot.delivery import buttons
from bot.delivery.asking import ask
from bot.delivery.limits import DeliveryLimits
from bot.delivery.pacing import Pacing, Use
from bot.delivery.retry import Again, Anew, Doubt, GiveUp, Verdict, judge
from bot.delivery.settle import Step, counts_repeat, next_step
from bot.delivery.tally import Tally
from bot.errors import ChannelError, DeliveryUnknown, MessageRefused, RetryLater, StoreUnavailable
from bot.events import ChannelAddress
from bot.ports import ChannelHabits, OutboundMessage, PushChannel
from bot.store import outbox_state, outcomes, sending
from bot.store.ids import OutboxId
from bot.store.parties import AccountRef
from bot.store.sending import Head, Sending
from bot.store.store import Store

Record = Callable[[sa.Connection], None]
CLOCK_SLACK = timedelta(minutes=5)
log = structlog.get_logger()


class PreviewEnds(Protocol):
    """Whoever previews answers, asked to stop before the final text goes out."""

    async def finish(self, outbox_id: OutboxId) -> None:
        """Return when no request of this preview is under way and none will be started."""
        ...


class Carrier:
    """The one place where an account's texts leave. `chance` gives numbers in [0, 1)."""

    def __init__(
        self,
        store: Store,
        channel: PushChannel,
        ref: AccountRef,
        *,
        pacing: Pacing,
        previews: PreviewEnds,
        tally: Tally,
        limits: DeliveryLimits,
        chance: Callable[[], float],
        placeholder: str = "…",
    ) -> None:
        self._store = store
        self._channel = channel
        self._ref = ref
        self._pacing = pacing
        self._previews = previews
        self._tally = tally
        self._limits = limits
        self._chance = chance
        self._placeholder = placeholder
        self._door = asyncio.Lock()

    async def take_over(self) -> None:
        """What an earlier holder left `sending` is in doubt, and what it was told to wait for still holds."""
        left = await self._store.write(sending.orphans, self._ref, overdue_only=False)
        log.info("outbox taken over", account_id=self._ref.account_id, in_doubt=left)
        now = asyncio.get_running_loop().time()
        for limit in await self._store.read(outbox_state.limits, self._ref):
            where = ChannelAddress(self._ref.channel, self._ref.name, limit.chat_id)
            self._pacing.hold(limit.scope, limit.chat_id, self._channel.habits(where), limit.wait_s, now)

    async def may_go(self, head: Head) -> bool:
        """Wait until the row's preview is silent and the budgets have room, and spend from them. False when the chat must wait
        longer: it does so in the database. Raises StoreUnavailable. Nothing is lost by cancelling it.
        """
        habits = self._channel.habits(self._address(head))
        await self._previews.finish(head.outbox_id)
        while not await self._pass(head.chat_id, habits):
            chat_s = self._pacing.chat_wait(head.chat_id, habits, Use.TEXT, asyncio.get_running_loop().time())
            if chat_s > self._limits.patience_s:
                await self._store.write(sending.postpone, self._ref, head.address_id, wait_s=chat_s)
                return False
            await asyncio.sleep(chat_s)
        return True

    async def _pass(self, chat_id: str, habits: ChannelHabits) -> bool:
        """Spend from the budgets when the account's has room; False when the chat's own has none. In the order of asking: one
        at a time looks at the account's budget, else each token would wake all who wait for one.
        """
        now = asyncio.get_running_loop().time
        if self._pacing.chat_wait(chat_id, habits, Use.TEXT, now()) > 0:
            return False
        async with self._door:
            while (wait_s := self._pacing.account_wait(habits, Use.TEXT, now())) > 0:  # noqa: ASYNC110  the clock fills it
                await asyncio.sleep(wait_s)
            if self._pacing.chat_wait(chat_id, habits, Use.TEXT, now()) > 0:
                return False
            self._pacing.spend(chat_id, habits, now())
            return True

    async def carry(self, head: Head) -> bool:
        """Mark the row, make its one request, record what came of it. False when it may not be sent: cancelled, or the
        account is not ours now. Raises StoreUnavailable when it could not be marked: then nothing was sent.
        """
        address = self._address(head)
        habits = self._channel.habits(address)
        now = asyncio.get_running_loop().time
        asked_at = now()
        row = await self._store.write(
            sending.begin,
            self._ref,
            head,
            self._store.process_id,
            bound_s=2 * self._limits.request_s,
            counts_repeat=counts_repeat(head, habits),
        )
        if row is None:
            return False
        if now() - asked_at > self._limits.stale_s:
            await self._keep(self._verdict(Again(0.0, "paused"), row, whole_chat=False))
            return True
        step = next_step(row, habits, request_s=self._limits.request_s)
        if step is Step.PLACE:
            row = replace(row, doubtful=False)  # without a placeholder's id no text of it was ever sent
        if row.doubtful and counts_repeat(head, habits) and step is Step.REPEAT:
            self._tally.count("outbox_repeats", self._ref.channel)
        await self._keep(await self._request(row, step, address, habits))
        return True

    def _address(self, head: Head) -> ChannelAddress:
        return ChannelAddress(self._ref.channel, self._ref.name, head.chat_id, head.thread_id)

    async def _request(self, row: Sending, step: Step, address: ChannelAddress, habits: ChannelHabits) -> Record:
        request = self._make(row, step, address, habits)
        try:
            return await ask(request, within_s=self._limits.request_s, tally=self._tally)
        except ChannelError as error:
            return self._after(error, row, step, address, habits)

    async def _make(self, row: Sending, step: Step, address: ChannelAddress, habits: ChannelHabits) -> Record:
        message = _message(row, address, habits, repeat=step is Step.REPEAT)
        match step:
            case Step.SEND | Step.REPEAT:
                return self._sent(row, await self._channel.send(message), address, habits)
            case Step.EDIT:
                assert row.platform_id is not None
                await self._channel.edit(message, row.platform_id)
                return self._sent(row, row.platform_id, address, habits)
            case Step.PLACE:
                placeholder = OutboundMessage(placeholder_id(row.outbox_id), address, self._placeholder, message.reply_to)
                return self._placed(row, await self._channel.send(placeholder), address, habits)
            case Step.LOOK_UP:
                found = await self._channel.find_sent(message, row.first_sent_at - CLOCK_SLACK)
                return self._sent(row, found, address, habits) if found else self._noted("ready", outcomes.record_absent, row)
            case Step.REMOVE:
                return await self._removed(row, message)

    async def _removed(self, row: Sending, message: OutboundMessage) -> Record:
        assert row.platform_id is not None, "only what is shown can be removed"
        try:
            await self._channel.delete(message, row.platform_id)
        except MessageRefused:
            if row.text:
                await self._channel.edit(message, row.platform_id)
        return self._noted("cancelled", outcomes.record_removed, row)

    def _noted(self, state: str, unit: Callable[[sa.Connection, Sending], None], row: Sending) -> Record:
        self._tally.count("outbox", state)
        return lambda connection: unit(connection, row)

    def _sent(self, row: Sending, platform_id: str, address: ChannelAddress, habits: ChannelHabits) -> Record:
        self._tally.count("outbox", "sent")
        wait_s = self._next_in(address, habits)

        def record(connection: sa.Connection) -> None:
            outcomes.record_sent(connection, row, platform_id)
            self._postpone(connection, row, wait_s)

        return record

    def _placed(self, row: Sending, platform_id: str, address: ChannelAddress, habits: ChannelHabits) -> Record:
        wait_s = self._next_in(address, habits)
        return lambda connection: outcomes.record_placed(connection, row, platform_id, wait_s=wait_s)

    def _next_in(self, address: ChannelAddress, habits: ChannelHabits) -> float:
        """Seconds for which the address's next row can wait in the database instead of at our door."""
        now = asyncio.get_running_loop().time()
        wait_s = self._pacing.chat_wait(address.chat_id, habits, Use.TEXT, now)
        return wait_s if wait_s > self._limits.patience_s else 0.0

    def _postpone(self, connection: sa.Connection, row: Sending, wait_s: float) -> None:
        if wait_s > 0:
            sending.postpone(connection, self._ref, row.address_id, wait_s=wait_s)

    def _after(self, error: ChannelError, row: Sending, step: Step, address: ChannelAddress, habits: ChannelHabits) -> Record:
        """What an unsuccessful request leaves in the database, and in the budgets."""
        if isinstance(error, RetryLater):
            now = asyncio.get_running_loop().time()
            self._pacing.hold(error.scope, address.chat_id, habits, error.after_s, now)
            self._tally.count("rate_limited", self._ref.channel)
        if step is Step.PLACE and isinstance(error, DeliveryUnknown):
            self._tally.count("previews", "orphaned")
        verdict = judge(error, row, step, habits, self._limits, self._chance)
        log.info("message not sent", outbox_id=row.outbox_id, step=step.value, verdict=type(verdict).__name__, error=str(error))
        return self._verdict(verdict, row, whole_chat=isinstance(error, RetryLater) and error.scope != "account")

    def _verdict(self, verdict: Verdict, row: Sending, *, whole_chat: bool) -> Record:
        match verdict:
            case Again(wait_s, why):
                self._tally.count("outbox", "in_doubt" if row.doubtful else "ready")

                def again(connection: sa.Connection) -> None:
                    outcomes.record_retry(connection, row, wait_s=wait_s, why=why)
                    self._postpone(connection, row, wait_s if whole_chat else 0.0)

                return again
            case Doubt(wait_s, why):
                self._tally.count("outbox", "in_doubt")
                return lambda connection: outcomes.record_in_doubt(connection, row, wait_s=wait_s, why=why)
            case Anew():
                if row.doubtful:
                    self._tally.count("outbox_repeats", self._ref.channel)
                return self._noted("ready", outcomes.record_deleted, row)
            case GiveUp(why):
                self._tally.count("outbox", "failed")
                return lambda connection: outcomes.record_failed(connection, row, why=why)

    async def _keep(self, record: Record) -> None:
        """The request is made: what came of it is written down whatever it takes, or a successor will have to ask."""
        while True:
            try:
                return await self._store.write(record)
            except StoreUnavailable as error:
                log.warning("outcome not stored yet", account_id=self._ref.account_id, error=str(error))
                await asyncio.sleep(error.retry_after_s)


def _message(row: Sending, address: ChannelAddress, habits: ChannelHabits, *, repeat: bool) -> OutboundMessage:
    return OutboundMessage(
        row.outbox_id,
        address,
        row.text,
        row.reply_to if habits.replies else None,
        repeat=repeat,
        kind=row.kind,
        part=row.part,
        parts=row.parts,
        buttons=buttons.under(row),
        secret=row.secret,
    )


def placeholder_id(outbox_id: str) -> str:
    """The id under which a row's placeholder is sent: always the same, never the row's own, so that no nonce or look-up
    takes the placeholder for the answer.
    """
    return hashlib.blake2b(f"placeholder {outbox_id}".encode(), digest_size=16).hexdigest()

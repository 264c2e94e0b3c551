"""What delivery relies on in a push channel. The double is held to it with each platform's habits; a new adapter adds its rig."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from bot.delivery.splitting import split
from bot.errors import DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater
from bot.events import ChannelAddress
from bot.ports import OutboundMessage, PushChannel
from bot.store.ids import new_id
from tests.push_double import DISCORD, TELEGRAM_GROUP, TELEGRAM_PRIVATE, Fault, PushDouble
from tests.virtual_time import in_virtual_time

AT = ChannelAddress("telegram", "main", "room")
LONG_AGO = datetime.now(UTC) - timedelta(days=1)


class Rig(Protocol):
    """A channel, the platform behind it, and a way to make the platform misbehave once."""

    @property
    def channel(self) -> PushChannel: ...

    def fail_next(self, fault: Fault) -> None: ...

    def on_show(self) -> list[str]:
        """What a user of the chat reads, oldest first."""
        ...

    def delete(self, platform_id: str) -> None:
        """A person deletes a message."""
        ...


class DoubleRig:
    def __init__(self, habits) -> None:
        self._faults: list[Fault] = []
        self.channel = PushDouble(lambda _: habits, script=lambda _call, _at: self._faults.pop() if self._faults else None)

    def fail_next(self, fault: Fault) -> None:
        self._faults.append(fault)

    def on_show(self) -> list[str]:
        return self.channel.on_show("room")

    def delete(self, platform_id: str) -> None:
        self.channel.take_away(platform_id)


RIGS: dict[str, Callable[[], Rig]] = {
    "group": lambda: DoubleRig(TELEGRAM_GROUP),
    "private": lambda: DoubleRig(replace(TELEGRAM_PRIVATE, chat_burst=20)),
    "discord": lambda: DoubleRig(DISCORD),
}


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest) -> Rig:
    return RIGS[request.param]()


def words(text: str, outbox_id: str = "") -> OutboundMessage:
    return OutboundMessage(outbox_id or new_id(), AT, text)


def test_a_sent_message_is_shown_and_can_be_edited_any_number_of_times(rig: Rig) -> None:
    async def story() -> None:
        platform_id = await rig.channel.send(words("hello"))
        for text in ("hello, world", "hello, world"):
            await rig.channel.edit(words(text), platform_id)
        assert rig.on_show() == ["hello, world"]

    in_virtual_time(story())


def test_a_removed_message_is_gone_and_removing_it_again_is_no_error(rig: Rig) -> None:
    async def story() -> None:
        platform_id = await rig.channel.send(words("hello"))
        await rig.channel.delete(words(""), platform_id)
        await rig.channel.delete(words(""), platform_id)
        assert rig.on_show() == []

    in_virtual_time(story())


def test_an_edit_of_a_message_that_was_deleted_says_so(rig: Rig) -> None:
    async def story() -> None:
        platform_id = await rig.channel.send(words("hello"))
        rig.delete(platform_id)
        with pytest.raises(MessageGone):
            await rig.channel.edit(words("hello, world"), platform_id)

    in_virtual_time(story())


@pytest.mark.parametrize("fault", [Fault.GONE, Fault.REFUSED, Fault.LIMIT_CHAT, Fault.LIMIT_ACCOUNT, Fault.UNKNOWN_BEFORE])
def test_what_is_definitely_not_sent_is_not_shown(rig: Rig, fault: Fault) -> None:
    errors = {Fault.GONE: RecipientGone, Fault.REFUSED: MessageRefused, Fault.UNKNOWN_BEFORE: DeliveryUnknown}

    async def story() -> None:
        rig.fail_next(fault)
        with pytest.raises(errors.get(fault, RetryLater)) as raised:
            await rig.channel.send(words("hello"))
        assert rig.on_show() == []
        if isinstance(raised.value, RetryLater):
            assert raised.value.scope == ("account" if fault is Fault.LIMIT_ACCOUNT else "chat")
            await asyncio.sleep(raised.value.after_s)
            await rig.channel.send(words("hello"))

    in_virtual_time(story())


def test_a_channel_does_what_its_habit_in_doubt_promises(rig: Rig) -> None:
    """edit: the same edit again; reconcile: the same nonce again, and a look-up; resend: nothing better than a repeat."""

    async def story() -> None:
        habits, message = rig.channel.habits(AT), words("hello")
        rig.fail_next(Fault.UNKNOWN_AFTER)
        with pytest.raises(DeliveryUnknown):
            await rig.channel.send(message)
        if habits.in_doubt == "reconcile":
            again = await rig.channel.send(replace(message, repeat=True))
            assert await rig.channel.find_sent(message, LONG_AGO) == again
            assert await rig.channel.find_sent(words("never sent"), LONG_AGO) is None
            assert rig.on_show() == ["hello"]
        elif habits.in_doubt == "edit":
            platform_id = await rig.channel.send(words("…"))
            rig.fail_next(Fault.UNKNOWN_AFTER)
            with pytest.raises(DeliveryUnknown):
                await rig.channel.edit(words("hi"), platform_id)
            await rig.channel.edit(words("hi"), platform_id)
            assert rig.on_show() == ["hello", "hi"]
        else:
            await rig.channel.send(replace(message, repeat=True))
            assert rig.on_show() == ["hello", "hello"]

    in_virtual_time(story())


@pytest.mark.parametrize("text", ["short", "x" * 10_000, "\N{SLIGHTLY SMILING FACE}" * 5000, "word " * 3000])
def test_parts_fit_and_together_hold_every_word(rig: Rig, text: str) -> None:
    most = rig.channel.habits(AT).max_text
    parts = split(text, rig.channel.measure, most)
    assert all(0 < rig.channel.measure(part) <= most for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_previews_of_its_kind_are_accepted_and_leave_nothing_behind(rig: Rig) -> None:
    async def story() -> None:
        await rig.channel.typing(AT)
        if rig.channel.habits(AT).preview == "draft":
            await rig.channel.draft(words("hel"))
        assert rig.on_show() == []

    in_virtual_time(story())


def test_the_double_punishes_who_breaks_a_limit() -> None:
    async def story() -> None:
        rig = DoubleRig(TELEGRAM_PRIVATE)
        await rig.channel.send(words("one"))
        waits = []
        for _ in range(3):
            with pytest.raises(RetryLater) as raised:
                await rig.channel.send(words("two"))
            waits.append(raised.value.after_s)
        assert waits[1] > 1.9 * waits[0]
        assert waits[2] > 1.9 * waits[1]
        assert rig.channel.broken == 3

    in_virtual_time(story())


def test_the_double_forgets_nonces_when_their_window_ends() -> None:
    async def story() -> None:
        rig, message = DoubleRig(DISCORD), words("hello")
        await rig.channel.send(message)
        await asyncio.sleep(DISCORD.nonce_window_s + 1)
        await rig.channel.send(message)
        assert rig.on_show() == ["hello", "hello"]

    in_virtual_time(story())

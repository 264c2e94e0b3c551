"""What the conversation relies on when it asks a push channel for a file: the double is held to it, and both real adapters."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.errors import ChannelError, DeliveryUnknown, MessageGone, RetryLater
from tests.contract.file_rigs import RIGS, Rig
from tests.push_double import Fault

TEXT = "my order is late, größer".encode()
MOST = 1000


@pytest.fixture(params=RIGS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with RIGS[request.param]() as made:
        yield made


async def test_a_file_comes_as_it_was_sent_any_number_of_times(rig: Rig) -> None:
    reference = rig.send_file(TEXT)
    assert [await rig.channel.fetch(reference, MOST) for _ in range(2)] == [TEXT, TEXT]


@pytest.mark.parametrize("length", [MOST - 1, MOST, MOST + 1, 3_000_000])
async def test_a_long_file_is_cut_and_the_channel_goes_on(rig: Rig, length: int) -> None:
    reference = rig.send_file(b"x" * length)
    assert len(await rig.channel.fetch(reference, MOST)) == min(length, MOST)
    assert await rig.channel.fetch(rig.send_file(TEXT), MOST) == TEXT


async def test_a_file_that_is_gone_is_said_to_be(rig: Rig) -> None:
    reference = rig.send_file(TEXT)
    rig.lose()
    with pytest.raises(MessageGone):
        await rig.channel.fetch(reference, MOST)


@pytest.mark.parametrize(("fault", "error"), [(Fault.UNKNOWN_BEFORE, DeliveryUnknown), (Fault.LIMIT_CHAT, RetryLater)])
async def test_each_trouble_has_its_error_and_the_next_try_is_fine(rig: Rig, fault: Fault, error: type[ChannelError]) -> None:
    reference = rig.send_file(TEXT)
    for step in range(rig.steps):
        rig.fail_next(fault, step)
        with pytest.raises(error) as raised:
            await rig.channel.fetch(reference, MOST)
        if isinstance(raised.value, RetryLater):
            await asyncio.sleep(raised.value.after_s)
        assert await rig.channel.fetch(reference, MOST) == TEXT


async def test_a_file_that_hangs_ends_when_the_caller_gives_up(rig: Rig) -> None:
    reference = rig.send_file(TEXT)
    for step in range(rig.steps):
        rig.fail_next(Fault.HANGS, step)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await rig.channel.fetch(reference, MOST)
        assert await rig.channel.fetch(reference, MOST) == TEXT

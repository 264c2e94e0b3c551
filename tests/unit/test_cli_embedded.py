"""The bot inside `frontdesk chat`: its parts run beside the talk, and one that fails is not kept quiet."""

import asyncio

import pytest

from bot.cli.embedded import _running
from bot.errors import SettingsError


class Part:
    name = "part"
    ended = False

    async def run(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.ended = True


class Refusing(Part):
    async def run(self, stopping: asyncio.Event) -> None:
        raise SettingsError("serving.engine_args: no such option")


async def test_a_part_that_fails_ends_the_talk_with_its_sentence() -> None:
    with pytest.raises(SettingsError, match="no such option"):
        async with asyncio.timeout(5), _running([Part(), Refusing()]):
            await asyncio.Event().wait()


async def test_parts_are_told_to_stop_at_the_end() -> None:
    part = Part()
    async with _running([part]):
        await asyncio.sleep(0)
    assert part.ended


async def test_what_goes_wrong_in_the_talk_itself_is_told_as_it_is() -> None:
    with pytest.raises(EOFError):
        async with _running([Part()]):
            raise EOFError

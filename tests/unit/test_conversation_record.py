"""The record comes in pages; whoever reads one and follows its cursor misses nothing and sees nothing twice."""

from datetime import UTC, datetime

import pytest

from bot.conversation.record import PAGE_BYTES, ROOM
from bot.events import Author, MessageReceived, Received
from bot.views import TurnAdded
from tests.house import WEB, House, address, open_house


async def _say(house: House, count: int, text: str) -> None:
    at = datetime.now(UTC)
    said = [MessageReceived(address("ann"), Author("ann"), f"{number} {text}", at) for number in range(count)]
    await house.intake.receive([Received(WEB, f"{at}{number}", b"", one) for number, one in enumerate(said)])


@pytest.mark.parametrize(
    ("count", "length", "held"), [(3, 10, 3), (ROOM + 5, 10, ROOM), (150, 16_000, 62), (2, PAGE_BYTES * 2, 1)]
)
async def test_a_page_is_bounded_and_its_cursor_tells_the_rest(count: int, length: int, held: int) -> None:
    async with open_house(running=False) as house:
        await house.begin_anew("ann")
        await _say(house, count, "x" * length)
        page = await house.record.turns(address("ann"), 0)
        seqs = [turn.seq for turn in page.turns]
        assert len(seqs) == held
        await house.hear("ann", "the last one")
        async for event in house.events("ann", page.cursor):
            assert isinstance(event, TurnAdded)
            seqs.append(event.turn.seq)
            if event.turn.text == "the last one":
                break
        assert seqs == list(range(1, count + 2))


async def test_pages_follow_each_other_by_seq() -> None:
    async with open_house(running=False) as house:
        await _say(house, ROOM * 2 + 1, "hi")
        seqs: list[int] = []
        while turns := (await house.record.turns(address("ann"), seqs[-1] if seqs else 0)).turns:
            seqs += [turn.seq for turn in turns]
        assert seqs == list(range(1, ROOM * 2 + 2))

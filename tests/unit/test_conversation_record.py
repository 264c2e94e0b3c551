"""The record comes in pages; whoever reads one and follows its cursor misses nothing and sees nothing twice."""

from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime

import pytest

from bot.conversation.record import PAGE_BYTES, ROOM, StoredRecord
from bot.events import Author, MessageReceived, Received
from bot.ports import PreviewTarget
from bot.views import PlaceShown, PreviewGone, PreviewShown, StatusChanged, TurnAdded
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


class Places:
    """A feed of one place, set by the test."""

    def __init__(self) -> None:
        self.place: PlaceShown | None = None
        self._listeners: list[Callable[[], None]] = []

    def show(self, place: PlaceShown | None) -> None:
        self.place = place
        for listener in self._listeners:
            listener()

    def current(self, _address_id: str) -> PlaceShown | None:
        return self.place

    @contextmanager
    def listen(self, _address_id: str, listener: Callable[[], None]) -> Iterator[None]:
        self._listeners.append(listener)
        yield
        self._listeners.remove(listener)


@pytest.mark.parametrize("ending", ["answer", "stop", "new", "leaves"])
async def test_a_place_in_line_is_shown_until_the_answer_begins_or_nothing_waits(ending: str) -> None:
    async with open_house(running=False) as house:
        places, waiting = Places(), PlaceShown("You are number 7 in line", 1, "c")
        record = StoredRecord(house.store, {WEB: house.ref}, house.previews, places)
        await house.hear("ann", "hello")
        async with aclosing(record.follow(address("ann"), None)) as events:
            assert isinstance(await anext(events), StatusChanged)
            assert isinstance(await anext(events), TurnAdded)
            places.show(waiting)
            assert await anext(events) == waiting
            places.show(nearer := PlaceShown("You are number 6 in line", 1, "c"))
            assert await anext(events) == nearer
            over = PlaceShown("", 1, "c")
            if ending == "answer":
                target = preview_target(house)
                house.previews.show(target, "")
                assert [await anext(events), await anext(events)] == [PreviewShown("", 1), over]
                house.previews.gone(target)  # the node was full after all
                assert [await anext(events), await anext(events)] == [PreviewGone(), nearer]
            elif ending == "leaves":
                places.show(None)
                assert await anext(events) == over
            else:
                await (house.stop("ann") if ending == "stop" else house.begin_anew("ann"))
                seen = [await anext(events)]
                while isinstance(seen[-1], StatusChanged):
                    seen.append(await anext(events))
                assert seen[-1] == over, "the place of what was stopped stays on show"


def preview_target(house: House) -> PreviewTarget:
    shown_at = next(iter(house.previews._listeners))
    return PreviewTarget(house.ref.workspace_id, house.ref.account_id, shown_at, address("ann"), None, 1, 1)

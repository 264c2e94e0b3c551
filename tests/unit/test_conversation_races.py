"""What happens in the narrow places between two steps of an answer."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.conversation.storing import store_answer
from bot.store import conversations
from bot.store.memory import MemoryStore
from tests.house import House, address, open_house


class Interposed(MemoryStore):
    """Does something else just before a unit runs, once."""

    def __init__(self, unit: Callable[..., Any]) -> None:
        super().__init__()
        self._unit = unit
        self.first: Callable[[], Awaitable[Any]] | None = None

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if unit is self._unit and self.first is not None:
            first, self.first = self.first, None
            await first()
        return await super().write(unit, *args, **kwargs)


async def shown(house: House, who: str) -> str | None:
    page = await house.record.turns(address(who), 0)
    preview = house.previews.current(page.cursor.rpartition("-")[0])
    return preview.text if preview is not None else None


async def test_a_message_that_comes_while_a_failed_answer_is_given_back_is_taken() -> None:
    store = Interposed(conversations.release)
    async with open_house(store) as house:
        house.node.behaviour.fault = "cut"

        async def write_again() -> None:
            house.node.behaviour.fault = ""
            assert (await house.hear("ann", "are you there?")).seq == 2

        store.first = write_again
        await house.hear("ann", "hello")
        assert (await house.answer("ann", 2)).in_reply_to == 2


async def test_a_stop_that_meets_a_finished_answer_keeps_what_was_shown_and_ends_its_preview() -> None:
    store = Interposed(store_answer)
    async with open_house(store) as house:
        store.first = lambda: house.stop("ann")
        await house.hear("ann", "hello")
        turn = await house.answer("ann", 1)
        assert (turn.text, turn.state) == ("You said: hello", "stopped")
        await house.until(lambda: house.worker.in_flight == 0)
        assert await shown(house, "ann") is None


async def test_a_new_conversation_that_meets_a_finished_answer_ends_its_preview() -> None:
    store = Interposed(store_answer)
    async with open_house(store) as house:
        store.first = lambda: house.begin_anew("ann")
        await house.hear("ann", "hello")
        await house.until(lambda: store.first is None and house.worker.in_flight == 0)
        assert await house.dialogue("ann") == []
        assert await shown(house, "ann") is None

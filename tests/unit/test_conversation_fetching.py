"""A text file of a customer is fetched just before its question is answered, once, and no trouble with it costs an answer."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from bot.conversation import telling
from bot.conversation.fetching import MOST_FILES
from bot.conversation.files import MOST_BYTES, SentFile, for_model
from bot.errors import DeliveryUnknown, MessageGone, RecipientGone, RetryLater
from bot.events import AttachmentReference, ChannelAddress, MessageDeleted
from bot.store.memory import MemoryStore
from bot.store.tables import attachment
from tests.house import House, address, open_house

READ = SentFile("file", "message.txt", True, "my order is late")
UNREAD = SentFile("file", "message.txt", True)


def text_file(reference: str = "f1", name: str = "message.txt") -> AttachmentReference:
    return AttachmentReference("file", reference, name, "text/plain", 16)


class Shelf:
    """Files by reference. `troubles` befall the next calls; while `gate` is set and closed nothing is handed out."""

    def __init__(self, *troubles: Exception) -> None:
        self.files = {"f1": b"my order is late"}
        self.troubles = list(troubles)
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    async def fetch(self, address: ChannelAddress, reference: str, max_bytes: int) -> bytes:
        self.asked.append(reference)
        if self.gate is not None:
            await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        return self.files[reference][:max_bytes]


def asked_last(house: House) -> str:
    """What the model read of the newest question."""
    return house.node.prompts[-1][-1]["content"]


async def test_a_text_file_without_a_word_is_a_question_and_the_model_reads_it() -> None:
    async with open_house(files=Shelf()) as house:
        await house.hear("ann", "", files=[text_file()])
        await house.answer("ann", 1)
        assert asked_last(house) == for_model("", [READ])
        assert [role for role, _ in await house.dialogue("ann")] == ["customer", "bot"]  # and no polite sentence
        assert house.metrics.exposition().count(b'frontdesk_files_total{channel="web",result="read"} 1.0') == 1


async def test_the_next_prompt_goes_on_from_the_file_without_fetching_it_again() -> None:
    shelf = Shelf()
    async with open_house(files=shelf) as house:
        await house.hear("ann", "look", files=[text_file()])
        await house.answer("ann", 1)
        await house.hear("ann", "and?")
        await house.answer("ann", 3)
        first, second = house.node.prompts
        assert first[-1]["content"] == for_model("look", [READ])
        assert second[: len(first)] == first
        assert shelf.asked == ["f1"]


async def test_the_next_prompt_is_the_same_for_a_process_that_remembers_nothing() -> None:
    async with open_house(files=Shelf()) as house:
        await house.hear("ann", "look", files=[text_file()])
        await house.answer("ann", 1)
        house.worker._manager.memory._kept.clear()
        await house.hear("ann", "and?")
        await house.answer("ann", 3)
        first, second = house.node.prompts
        assert second[: len(first)] == first


@pytest.mark.parametrize(
    "trouble", [MessageGone("gone"), RecipientGone("no"), DeliveryUnknown("cut"), RetryLater("busy", after_s=60), KeyError("bug")]
)
async def test_a_file_that_cannot_be_had_is_named_as_not_opened_and_the_answer_comes(trouble: Exception) -> None:
    async with open_house(files=Shelf(trouble)) as house:
        await house.hear("ann", "look", files=[text_file()])
        await house.answer("ann", 1)
        assert asked_last(house) == for_model("look", [UNREAD])
        counted = f'frontdesk_files_total{{channel="web",result="{type(trouble).__name__}"}} 1.0'
        assert counted.encode() in house.metrics.exposition()


async def test_a_file_that_never_comes_costs_its_bound_and_no_more() -> None:
    shelf = Shelf()
    shelf.gate = asyncio.Event()
    async with open_house(files=shelf, file_within_s=0.05) as house:
        await house.hear("ann", "look", files=[text_file()])
        await house.answer("ann", 1, within_s=5)
        assert asked_last(house) == for_model("look", [UNREAD])


async def test_a_platform_that_says_when_to_come_again_is_asked_again() -> None:
    shelf = Shelf(RetryLater("busy", after_s=0.01))
    async with open_house(files=shelf) as house:
        await house.hear("ann", "look", files=[text_file()])
        await house.answer("ann", 1)
        assert (asked_last(house), shelf.asked) == (for_model("look", [READ]), ["f1", "f1"])


async def test_another_try_of_the_question_fetches_what_is_missing_and_only_that() -> None:
    shelf = Shelf(DeliveryUnknown("cut"))
    shelf.files["f2"] = b"second"
    async with open_house(files=shelf) as house:
        await house.hear("ann", "hello")
        await house.answer("ann", 1)
        house.node.behaviour.fault = "error"
        await house.hear("ann", "look", files=[text_file("f1"), text_file("f2", "b.txt")])
        await house.until(lambda: len(shelf.asked) == 2)
        await house.until(lambda: b'result="NodeUnavailable"' in house.metrics.exposition())
        house.node.behaviour.fault = ""
        await house.answer("ann", 3)
        assert shelf.asked == ["f1", "f2", "f1"]
        assert asked_last(house) == for_model("look", [READ, SentFile("file", "b.txt", True, "second")])


async def test_what_turns_out_to_be_no_text_is_invisible() -> None:
    shelf = Shelf()
    shelf.files["f1"] = b"\x00\x01\x02"
    async with open_house(files=shelf) as house:
        await house.hear("ann", "look", files=[text_file()])
        await house.answer("ann", 1)
        assert asked_last(house) == for_model("look", [SentFile("file", "message.txt")])


async def test_a_file_longer_than_it_said_is_cut() -> None:
    shelf = Shelf()
    shelf.files["f1"] = "ä".encode() * MOST_BYTES
    async with open_house(files=shelf) as house:
        house.node.behaviour.context = 1 << 20
        await house.hear("ann", "look", files=[text_file()])
        await house.answer("ann", 1)
        assert "ää…\n```\n[The file is longer" in asked_last(house)


async def test_no_more_than_so_many_files_are_read_for_a_question() -> None:
    shelf = Shelf()
    shelf.files = {f"f{number}": f"file {number}".encode() for number in range(MOST_FILES + 2)}
    async with open_house(files=shelf) as house:
        await house.hear("ann", "hello")
        await house.answer("ann", 1)
        house.node.behaviour.fault = "error"
        await house.hear("ann", "look", files=[text_file(name) for name in shelf.files])
        await house.until(lambda: b'result="NodeUnavailable"' in house.metrics.exposition())
        house.node.behaviour.fault = ""
        await house.answer("ann", 3)
        assert sorted(shelf.asked) == sorted(shelf.files)[:MOST_FILES]
        assert "could not be opened: a file (message.txt), a file (message.txt).]" in asked_last(house)


async def test_a_message_that_is_taken_away_while_its_file_comes_leaves_nothing_of_it() -> None:
    shelf = Shelf()
    shelf.gate = asyncio.Event()
    async with open_house(files=shelf) as house:
        await house.hear("ann", "look", files=[text_file()])
        await house.until(lambda: shelf.asked)
        await house._receive(MessageDeleted(address("ann"), datetime.now(UTC), "m1"), "", b"deleted")
        shelf.gate.set()
        await house.hear("ann", "never mind")
        await house.answer("ann", 2)
        assert asked_last(house) == "never mind"
        rows = await house.store.read(lambda c: c.execute(sa.select(attachment.c.text, attachment.c.sha256)).all())
        assert rows == [(None, None)]


async def test_a_message_while_the_file_comes_begins_again_with_both() -> None:
    shelf = Shelf()
    shelf.gate = asyncio.Event()
    async with open_house(files=shelf) as house:
        await house.hear("ann", "look", files=[text_file()])
        await house.until(lambda: shelf.asked)
        await house.hear("ann", "quickly")
        await house.until(lambda: len(shelf.asked) == 2)
        shelf.gate.set()
        await house.answer("ann", 2)
        assert asked_last(house) == for_model("look", [READ]) + "\n\nquickly"


class Listening(MemoryStore):
    """A store that remembers the names of the units that it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.units: list[str] = []

    async def read(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.units.append(f"{unit.__module__}.{unit.__name__}")
        return await super().read(unit, *args, **kwargs)

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.units.append(f"{unit.__module__}.{unit.__name__}")
        return await super().write(unit, *args, **kwargs)


async def test_an_answer_without_files_asks_the_database_nothing_more() -> None:
    store = Listening()
    async with open_house(store, files=Shelf()) as house:
        await house.hear("ann", "look", files=[text_file()])
        await house.answer("ann", 1)
        assert [unit for unit in store.units if "attachments" in unit or "fetching" in unit]
        store.units.clear()
        await house.hear("ann", "and?")  # behind an answered file
        await house.answer("ann", 3)
        assert not [unit for unit in store.units if "attachments" in unit or "fetching" in unit]
    await store.close()


async def test_a_photo_alone_still_gets_its_polite_sentence() -> None:
    async with open_house() as house:
        await house.hear("ann", "", files=[AttachmentReference("photo", "p")])
        assert await house.dialogue("ann") == [("customer", ""), ("system", telling.UNREADABLE)]

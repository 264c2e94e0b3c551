"""The straight line: what is heard is answered, once, in order, with the dialogue kept."""

import asyncio

from bot.events import Acted, Conflict, Stored
from bot.views import PreviewShown, StatusChanged, TurnAdded
from tests.house import open_house


async def test_a_message_is_answered() -> None:
    async with open_house() as house:
        receipt = await house.hear("ann", "hello")
        answer = await house.answer("ann", 1)
        assert isinstance(receipt, Stored)
        assert receipt.seq == 1
        assert answer.in_reply_to == 1
        assert await house.dialogue("ann") == [("customer", "hello"), ("bot", "You said: hello")]


async def test_the_model_reads_the_dialogue_so_far() -> None:
    async with open_house() as house:
        for turn in (1, 3):
            await house.hear("ann", f"message {turn}")
            await house.answer("ann", turn)
        roles = [(message["role"], message["content"]) for message in house.node.prompts[-1]]
        assert roles == [
            ("system", "You help."),
            ("user", "message 1"),
            ("assistant", "You said: message 1"),
            ("user", "message 3"),
        ]


async def test_a_repeated_key_is_answered_the_same_and_another_text_is_a_conflict() -> None:
    async with open_house() as house:
        first = await house.hear("ann", "hello", key="one")
        again = await house.hear("ann", "hello", key="one")
        other = await house.hear("ann", "goodbye", key="one")
        assert isinstance(first, Stored)
        assert isinstance(again, Stored)
        assert (again.seq, again.repeated) == (first.seq, True)
        assert isinstance(other, Conflict)


async def test_an_answer_is_previewed_while_it_grows_and_the_preview_never_follows_its_turn() -> None:
    async with open_house() as house:
        house.node.behaviour.gate = asyncio.Event()
        house.node.behaviour.gate_after = 2
        await house.hear("ann", "one two three")
        seen = []
        async for event in house.events("ann"):
            seen.append(event)
            if isinstance(event, PreviewShown) and event.text:
                house.node.behaviour.gate.set()
            if isinstance(event, TurnAdded) and event.turn.role == "bot":
                break
        previews = [event.text for event in seen if isinstance(event, PreviewShown)]
        assert "You said:" in previews
        assert isinstance(seen[0], StatusChanged)


async def test_a_page_that_stays_open_sees_previews_in_a_new_conversation_too() -> None:
    async with open_house() as house:
        for turn in (1, 3):
            await house.hear("ann", "hello")
            await house.answer("ann", turn)
        opened = 0
        async for event in house.events("ann", within_s=5):
            if isinstance(event, TurnAdded) and event.turn.seq == 4:
                await house.begin_anew("ann")
            if isinstance(event, StatusChanged) and event.name == "opened":
                opened += 1
                if opened == 2:
                    house.node.behaviour.gate, house.node.behaviour.gate_after = asyncio.Event(), 1
                    await house.hear("ann", "afresh")
            if opened == 2 and isinstance(event, PreviewShown) and event.text:
                break


async def test_stop_keeps_what_was_shown_and_frees_the_node() -> None:
    async with open_house() as house:
        house.node.behaviour.gate = asyncio.Event()
        house.node.behaviour.gate_after = 2
        await house.hear("ann", "a long story")
        await house.until(lambda: house.previews.texts[-1:] == ["You said:"])
        assert isinstance(await house.stop("ann"), Acted)
        stopped = await house.answer("ann", 1)
        assert (stopped.text, stopped.state) == ("You said:", "stopped")
        await house.until(lambda: house.node.running == 0)
        house.node.behaviour.gate = None
        await house.hear("ann", "go on")
        await house.answer("ann", 3)
        assert [message["content"] for message in house.node.prompts[-1]] == [
            "You help.",
            "a long story",
            "You said:",
            "go on",
        ]


async def test_a_new_conversation_drops_the_answer_being_made() -> None:
    async with open_house() as house:
        house.node.behaviour.gate = asyncio.Event()
        await house.hear("ann", "hello")
        await house.until(lambda: house.node.running == 1)
        await house.begin_anew("ann")
        await house.until(lambda: house.node.running == 0)
        house.node.behaviour.gate = None
        await house.hear("ann", "afresh")
        await house.answer("ann", 1)
        assert await house.dialogue("ann") == [("customer", "afresh"), ("bot", "You said: afresh")]


async def test_a_message_during_an_answer_interrupts_it_and_both_are_answered() -> None:
    async with open_house() as house:
        house.node.behaviour.gate = asyncio.Event()
        await house.hear("ann", "first")
        await house.until(lambda: house.node.running == 1)
        await house.hear("ann", "second")
        await house.until(lambda: len(house.node.prompts) == 2)
        house.node.behaviour.gate.set()
        answer = await house.answer("ann", 2)
        assert house.node.prompts[-1][-1]["content"] == "first\n\nsecond"
        assert answer.in_reply_to == 2


async def test_someone_who_never_stops_typing_still_gets_an_answer() -> None:
    async with open_house() as house:
        house.node.behaviour.gate = asyncio.Event()
        for number in range(1, 6):
            asked = len(house.node.prompts)
            await house.hear("ann", f"part {number}")
            if number <= 3:  # the question and two interrupts; after that the answer is left alone
                await house.until(lambda asked=asked: len(house.node.prompts) == asked + 1)
        house.node.behaviour.gate.set()
        first = await house.answer("ann", 3)
        rest = await house.answer("ann", 5)
        assert (first.in_reply_to, rest.in_reply_to) == (3, 5)


async def test_collecting_answers_a_later_message_after_the_first() -> None:
    async with open_house(interruptible=False) as house:
        house.node.behaviour.gate = asyncio.Event()
        await house.hear("ann", "first")
        await house.until(lambda: house.node.running == 1)
        await house.hear("ann", "second")
        house.node.behaviour.gate.set()
        await house.answer("ann", 2)
        contents = [message["content"] for message in house.node.prompts[-1]]
        assert contents == ["You help.", "first", "You said: first", "second"]


async def test_many_customers_are_answered_at_once_and_nothing_is_mixed_up() -> None:
    async with open_house() as house:
        people = [f"customer {number}" for number in range(40)]
        await asyncio.gather(*(house.hear(who, f"I am {who}") for who in people))
        await asyncio.gather(*(house.answer(who, 1) for who in people))
        for who in people:
            assert await house.dialogue(who) == [("customer", f"I am {who}"), ("bot", f"You said: I am {who}")]

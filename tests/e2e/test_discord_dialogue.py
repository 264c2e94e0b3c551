"""Customers on Discord, from the real discord.py to the record and back: DMs, mentions, threads, commands, buttons, gaps."""

import asyncio

import pytest

from bot.conversation import telling
from tests.command_words import help_text
from tests.discord_server import Channel, Message, Person
from tests.e2e.channels import BUTTONS, PATIENCE_S, Street

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def shown(shop: Street, place: Channel, text: str) -> Message:
    """The bot's message that shows this text in the end."""

    def found() -> Message | None:
        messages = [place.messages[number] for number in place.order]
        return next((one for one in messages if one.content == text and one.author.id == shop.app.id), None)

    await shop.discord.wait_until(found, PATIENCE_S)
    message = found()
    assert message is not None
    return message


def answered(shop: Street, place: Channel) -> list[str]:
    return [place.messages[number].content for number in place.order if place.messages[number].author.id == shop.app.id]


async def test_an_answer_grows_in_one_message_and_then_has_buttons(shop: Street) -> None:
    ann, gate = shop.discord.person("ann"), asyncio.Event()
    dm = ann.dm(shop.app)
    shop.node.behaviour.gate, shop.node.behaviour.gate_after = gate, 3
    ann.say(dm, "one two three four five")
    await shop.discord.wait_until(lambda: answered(shop, dm) and answered(shop, dm)[0].startswith("You said"), PATIENCE_S)
    gate.set()
    message = await shown(shop, dm, "You said: one two three four five")
    assert answered(shop, dm) == ["You said: one two three four five"]
    assert len(message.buttons) == BUTTONS
    assert shop.discord.broken_limits == 0


async def test_a_mention_opens_a_thread_where_the_conversation_goes_on_without_mentions(shop: Street) -> None:
    place, ann = shop.guild()
    ann.say(place, "lovely weather")
    asked = ann.say(place, f"{shop.app.mention} what is it?")
    await shop.discord.wait_until(lambda: asked.thread is not None, PATIENCE_S)
    thread = asked.thread
    assert thread is not None
    await shown(shop, thread, "You said: what is it?")
    ann.say(thread, "and that?")
    await shown(shop, thread, "You said: and that?")
    assert answered(shop, place) == []
    assert "lovely weather" not in str(list(shop.node.prompts))


async def test_no_word_of_the_model_pings_anybody(shop: Street) -> None:
    place, ann = shop.guild()
    shop.node.behaviour.script = lambda _: f"@everyone @here {ann.mention}"
    asked = ann.say(place, f"{shop.app.mention} call them")
    await shop.discord.wait_until(lambda: asked.thread is not None, PATIENCE_S)
    assert asked.thread is not None
    await shown(shop, asked.thread, f"@everyone @here {ann.mention}")
    seen = [one for one in shop.discord.seen(asked.thread) if one.bot == shop.app.id]
    assert not any(one.pings.everyone or one.pings.users or one.pings.roles for one in seen)


async def test_a_command_is_answered_for_its_asker_alone(shop: Street) -> None:
    place, ann = shop.guild()
    ran = ann.run(place, "help", bot=shop.app)
    wanted = help_text("discord")
    await shop.discord.wait_until(lambda: any(one.text == wanted for one in shop.discord.seen(place)), PATIENCE_S)
    told = next(one for one in shop.discord.seen(place) if one.text == wanted)
    assert (told.ephemeral, told.interaction) == (True, ran.id)


async def test_a_question_by_command_is_answered_in_the_response_to_it(shop: Street) -> None:
    place, ann = shop.guild()
    ann.run(place, "ask", bot=shop.app, question="what is it?")
    message = await shown(shop, place, "You said: what is it?")
    assert message.webhook_id is not None
    assert answered(shop, place) == ["You said: what is it?"]
    await shop.until(lambda: shop.rows("SELECT secret FROM outbox", place.id) == [(None,)])


async def test_the_buttons_rate_and_lead_to_a_person(shop: Street) -> None:
    ann = shop.discord.person("ann")
    dm = ann.dm(shop.app)
    ann.say(dm, "hello")
    answer = await shown(shop, dm, "You said: hello")
    ann.press(answer, "\N{THUMBS UP SIGN}")
    await shop.until(lambda: shop.rows("SELECT value FROM rating", dm.id) == [(1,)])
    ann.press(answer, "Talk to a person")
    await shown(shop, dm, "Call 555 0100")


async def test_a_long_paste_that_became_a_file_is_read_and_answered(shop: Street) -> None:
    ann = shop.discord.person("ann")
    dm = ann.dm(shop.app)
    shop.node.behaviour.script = lambda messages: "Late!" if "order 4711 is late" in messages[-1]["content"] else "?"
    paste = "It is a long story. " * 200 + "In short: order 4711 is late."
    ann.say(dm, "", files=[("message.txt", paste.encode(), "text/plain; charset=utf-8")])
    await shown(shop, dm, "Late!")
    assert answered(shop, dm) == ["Late!"]
    assert shop.discord.cdn.strangers == 0


async def test_whoever_finds_an_answer_not_helpful_is_asked_why(shop: Street) -> None:
    ann = shop.discord.person("ann")
    dm = ann.dm(shop.app)
    ann.say(dm, "hello")
    answer = await shown(shop, dm, "You said: hello")
    press = ann.press(answer, "\N{THUMBS DOWN SIGN}")
    await shop.discord.wait_until(lambda: press.modal, PATIENCE_S)
    form = ann.submit(press, reason="too short")
    await shop.until(lambda: shop.rows("SELECT value, reason FROM rating", dm.id) == [(-1, "too short")])
    await shop.discord.wait_until(lambda: form.followups, PATIENCE_S)
    thanked = next(one for one in shop.discord.seen(dm) if one.text == telling.THANKS)
    assert thanked.ephemeral


async def test_a_question_that_is_deleted_before_the_answer_gets_none(shop: Street) -> None:
    ann, gate = shop.discord.person("ann"), asyncio.Event()
    dm = ann.dm(shop.app)
    shop.node.behaviour.gate = gate
    aborted = shop.node.aborted
    said = ann.say(dm, "my password is xyzzy")
    await shop.until(lambda: shop.node.prompts)
    ann.delete(said)
    await shop.until(lambda: shop.node.aborted > aborted)
    gate.set()
    ann.say(dm, "never mind")
    await shown(shop, dm, "You said: never mind")
    assert "xyzzy" not in str(shop.rows("SELECT text FROM turn", dm.id))
    assert answered(shop, dm) == ["You said: never mind"]


async def test_what_was_said_while_the_gateway_was_away_is_answered(shop: Street) -> None:
    ann = shop.discord.person("ann")
    dm = ann.dm(shop.app)
    ann.say(dm, "one")
    await shown(shop, dm, "You said: one")
    shop.discord.gateway.end_sessions()
    shop.discord.gateway.kill()
    ann.say(dm, "two")
    await shown(shop, dm, "You said: two")


async def test_a_long_answer_comes_in_parts_with_whole_fences(shop: Street) -> None:
    ann: Person = shop.discord.person("ann")
    dm = ann.dm(shop.app)
    shop.node.behaviour.script = lambda _: "Here:\n\n```py\n" + "x = 1\n" * 600 + "```\n\nDone."
    ann.say(dm, "code please")
    await shop.discord.wait_until(lambda: answered(shop, dm) and answered(shop, dm)[-1].endswith("Done."), PATIENCE_S)
    parts = answered(shop, dm)
    assert len(parts) > 1
    assert all(part.count("```") % 2 == 0 and len(part) <= 2000 for part in parts)

"""Our Discord account in the Discord of simcord, whose rules are written by others: commands, presses, messages, threads.

What simcord does not model - limits, nonces, the 401 of a wrong token, closed DMs, sleeping and locked threads - the tests
against our own stand-in ask.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import discord
import pytest

from bot.errors import ChannelError, DeliveryUnknown, MessageGone, MessageRefused, RecipientGone
from bot.events import ButtonPressed, ChannelAddress, CommandGiven, Departed, MessageReceived
from bot.store.ids import new_id
from bot.views import ButtonView
from tests.contract.simcord_rig import Town, answered, at, buttons_of, opened, words

COMMANDS = {
    "chat new": "new",
    "chat stop": "stop",
    "support human": "human",
    "support open": "start",
    "settings language": "language",
    "help": "help",
    "id": "id",
}
REGISTERED = "/commands"
NOT_TAKEN = "This was not taken. Please try again."


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with opened() as made:
        yield made


# commands


async def test_commands_are_registered_once_and_not_again_by_the_next_client(town: Town) -> None:
    assert set(town.anna.available_commands(town.help)) == {*COMMANDS, "ask"}
    assert set(town.anna.user.available_commands()) == {*COMMANDS, "ask"}
    assert town.asked("PUT", REGISTERED) == 1
    await town.again()
    assert town.asked("GET", REGISTERED) == 2
    assert town.asked("PUT", REGISTERED) == 1


@pytest.mark.parametrize("private", [False, True], ids=["channel", "dm"])
@pytest.mark.parametrize(("command", "name"), COMMANDS.items())
async def test_a_command_is_acknowledged_once_in_private_and_arrives_by_its_name(
    town: Town, command: str, name: str, private: bool
) -> None:
    given = await (town.anna.user.slash(command) if private else town.anna.slash(town.help, command))
    await town.settled()
    assert (given.acknowledged, given.deferred, given.ephemeral) == (True, True, True)
    assert town.asked("POST", "/callback") == 1
    (event,) = town.book.of_kind(CommandGiven)
    where = town.anna.user.dm_channel if private else town.help
    assert (event.name, event.address, event.author.user_id) == (name, at(where.id), str(town.anna.id))


async def test_what_a_form_asked_for_arrives_by_name(town: Town) -> None:
    await town.anna.slash(town.help, "settings language", language="de")
    await town.anna.slash(town.help, "settings language")
    await town.settled()
    assert [event.arguments for event in town.book.of_kind(CommandGiven)] == [(("language", "de"),), ()]


async def test_a_question_is_answered_in_place_of_its_acknowledgement(town: Town) -> None:
    asked = await town.anna.slash(town.help, "ask", question="q" * 2000)
    (event,) = town.book.of_kind(MessageReceived)
    assert event.placeholder is not None
    answer = words(event.address, "on its way", secret=event.placeholder.secret)
    await town.account.channel.edit(answer, event.placeholder.platform_id)
    assert (asked.deferred, asked.ephemeral, answered(asked), asked.followups) == (False, False, ("on its way", False), [])
    assert [message.content for message in town.help.history()] == ["on its way"]
    await town.account.channel.delete(answer, event.placeholder.platform_id)
    assert town.help.history() == []
    with pytest.raises(MessageGone):
        await town.account.channel.edit(replace(answer, text="too late"), event.placeholder.platform_id)


async def test_the_token_of_a_question_ends_after_a_quarter_of_an_hour(town: Town) -> None:
    await town.anna.slash(town.help, "ask", question="where is my order?")
    (event,) = town.book.of_kind(MessageReceived)
    assert event.placeholder is not None
    answer = words(event.address, "on its way", secret=event.placeholder.secret)
    await town.env.advance_time(14 * 60)
    await town.account.channel.edit(answer, event.placeholder.platform_id)
    await town.env.advance_time(61)
    with pytest.raises(MessageGone):
        await town.account.channel.edit(replace(answer, text="it is on its way"), event.placeholder.platform_id)


@pytest.mark.parametrize("question", ["", "q" * 2001])
async def test_a_question_that_is_empty_or_too_long_cannot_be_asked(town: Town, question: str) -> None:
    import simcord

    with pytest.raises(simcord.OptionError):
        await town.anna.slash(town.help, "ask", question=question)


async def test_the_menu_asks_about_a_message_of_somebody(town: Town) -> None:
    message = await town.anna.send(town.help, "order 17\nis late")
    asked = await town.anna.context_menu(town.help, "Ask about this message", message)
    assert (asked.acknowledged, asked.ephemeral, town.asked("POST", "/callback")) == (True, False, 1)
    assert town.book.texts == ["About this message by anna:\n> order 17\n> is late"]


async def test_a_command_that_the_store_refuses_is_said_not_to_be_taken(town: Town) -> None:
    town.book.away = True
    asked = await town.anna.slash(town.help, "help")
    assert answered(asked) == (NOT_TAKEN, True)
    assert town.asked("POST", "/callback") == 1


async def test_an_interaction_that_is_told_twice_is_acknowledged_once_and_stored_once(town: Town) -> None:
    told: list[discord.Interaction] = []

    @town.env.bot.event
    async def on_interaction(interaction: discord.Interaction) -> None:
        told.append(interaction)

    await town.anna.slash(town.help, "help")
    with town.env.time_context():
        await town.account._gateway._interactions.commanded(told[0], "help", {})  # simcord answers 400, 40060
    assert (len(town.book.kept), town.book.repeats) == (1, 1)
    assert town.asked("POST", "/callback") == 2


@pytest.mark.parametrize(("status", "code", "stored"), [(404, 10062, 0), (400, 40060, 1), (503, 0, 1)])
async def test_what_was_surely_not_deferred_is_not_stored(town: Town, status: int, code: int, stored: int) -> None:
    town.env.inject_error("POST", "/interactions/*/callback", status=status, code=code)
    asked = await town.anna.slash(town.help, "help")
    assert not asked.acknowledged
    assert len(town.book.kept) == stored


# presses


async def sent_with_buttons(town: Town, place: ChannelAddress) -> discord.Message:
    outbox_id = new_id()
    buttons = (ButtonView(f"{outbox_id}:up", "helpful"), ButtonView(f"{outbox_id}:down", "not helpful"))
    await town.account.channel.send(replace(words(place, "on its way", buttons=buttons), outbox_id=outbox_id))
    await town.settled()
    return town.last(place.chat_id)


@pytest.mark.parametrize("private", [False, True], ids=["thread", "dm"])
async def test_a_press_is_acknowledged_once_stored_and_thanked_for_by_any_client(town: Town, private: bool) -> None:
    town.book.say = "Thank you."
    place = at(town.anna.user.dm_channel.id) if private else (await town.ask()).address
    message = await sent_with_buttons(town, place)
    for presses in (1, 2):
        pressed = await (town.anna.user if private else town.anna).click(message, label="helpful")
        assert (pressed.acknowledged, pressed.deferred) == (True, True)
        assert [(one.content, one.ephemeral) for one in pressed.followups] == [("Thank you.", True)]
        assert town.asked("POST", "/callback") == presses
        await town.again()
    first, second = town.book.of_kind(ButtonPressed)
    assert (first.address, first.button, first.author.user_id) == (
        place,
        buttons_of(message)[0][0].custom_id,
        str(town.anna.id),
    )
    assert first.button == second.button


async def test_a_press_that_the_store_refuses_is_answered_in_private(town: Town) -> None:
    message = await sent_with_buttons(town, (await town.ask()).address)
    town.book.away = True
    pressed = await town.anna.click(message, label="helpful")
    assert (answered(pressed), town.asked("POST", "/callback")) == ((NOT_TAKEN, True), 1)


async def test_the_mark_of_a_message_without_buttons_cannot_be_pressed(town: Town) -> None:
    import simcord

    await town.account.channel.send(words(at(town.help.id), "on its way"))
    with pytest.raises(simcord.SetupError, match="disabled"):
        await town.anna.click(town.last(), label="…")


# messages


async def test_a_full_message_is_accepted_and_pings_nobody(town: Town) -> None:
    outbox_id = new_id()
    buttons = tuple(ButtonView(f"{outbox_id}:{number}", "b" * 100) for number in range(30))
    text = f"@everyone {town.anna.mention} <@&{town.guild.default_role.id}> "
    message = replace(words(at(town.help.id), text + "x" * (2000 - len(text)), buttons=buttons), outbox_id=outbox_id)
    asked = await town.anna.send(town.help, "hello")
    await town.account.channel.send(replace(message, reply_to=str(asked.id)))
    sent = town.last()
    assert (len(sent.content), [len(row) for row in buttons_of(sent)]) == (2000, [5] * 5)
    assert sent.reference is not None
    assert (sent.reference.message_id, sent.flags.suppress_embeds) == (asked.id, True)
    stored = town.env.backend.get_message(town.help.id, sent.id)
    assert (stored.ping_user_ids, stored.ping_role_ids, stored.mention_everyone) == ([], [], False)


async def test_a_message_too_long_is_refused(town: Town) -> None:
    with pytest.raises(MessageRefused):
        await town.account.channel.send(words(at(town.help.id), "x" * 2001))
    assert town.help.history() == []


async def test_an_answer_to_a_message_that_is_gone_is_sent_without_it(town: Town) -> None:
    asked = await town.anna.send(town.help, "hello")
    await town.anna.delete(asked)
    await town.account.channel.send(words(at(town.help.id), "on its way", reply_to=str(asked.id)))
    assert [message.content for message in town.help.history()] == ["on its way"]


async def test_a_preview_becomes_the_answer_and_is_gone_once_deleted(town: Town) -> None:
    message = words(at(town.help.id), "on")
    platform_id = await town.account.channel.send(message)
    await town.account.channel.typing(message.address)
    for text in ("on its", "on its way"):
        await town.account.channel.edit(replace(message, text=text), platform_id)
    assert [message.content for message in town.help.history()] == ["on its way"]
    assert town.last().flags.suppress_embeds
    for _ in range(2):
        await town.account.channel.delete(message, platform_id)
    assert town.help.history() == []
    with pytest.raises(MessageGone):
        await town.account.channel.edit(replace(message, text="too late"), platform_id)


async def test_a_sent_message_is_found_by_its_outbox_id(town: Town) -> None:
    sent, lost = words(at(town.help.id), "on its way"), words(at(town.help.id), "never sent")
    platform_id = await town.account.channel.send(sent)
    for number in range(20):
        await town.anna.send(town.help, f"straw {number}")
    since = town.env.now() - timedelta(minutes=1)
    assert await town.account.channel.find_sent(sent, since) == platform_id
    assert await town.account.channel.find_sent(lost, since) is None


@pytest.mark.parametrize("permission", ["send_messages", "view_channel"])
async def test_where_the_bot_may_not_write_nobody_is_reached(town: Town, permission: str) -> None:
    message = words(at(town.help.id), "on")
    await town.deny(permission)
    for act in (town.account.channel.send(message), town.account.channel.typing(message.address)):
        with pytest.raises(RecipientGone):
            await act


async def test_a_channel_that_is_gone_takes_nothing_and_departs(town: Town) -> None:
    await town.ask()
    message = words(at(town.help.id), "on its way")
    platform_id = await town.account.channel.send(message)
    await town.channel.delete()
    await town.settled()
    assert [event.address.chat_id for event in town.book.of_kind(Departed)] == [str(town.help.id)]
    for act in (town.account.channel.send(message), town.account.channel.find_sent(message, town.env.now())):
        with pytest.raises(RecipientGone):
            await act
    with pytest.raises(ChannelError):
        await town.account.channel.edit(replace(message, text="too late"), platform_id)


async def test_who_takes_no_direct_messages_is_not_reached(town: Town) -> None:
    other = town.env.create_user("another bot", bot=True)  # simcord's only 50007
    with pytest.raises(RecipientGone):
        await town.account.channel.send(words(at(other.dm_channel.id), "hello"))


async def test_a_platform_that_breaks_leaves_it_open_whether_the_message_was_sent(town: Town) -> None:
    town.env.inject_error("POST", "/channels/*/messages")
    with pytest.raises(DeliveryUnknown):
        await town.account.channel.send(words(at(town.help.id), "hello"))

"""Commands and presses against the stand-in: taken durably within the three seconds, or said not to be."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.discord.account import DiscordAccount
from bot.errors import MessageGone
from bot.events import ButtonPressed, CommandGiven, MessageReceived
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from bot.views import ButtonView
from tests.discord_book import Book, running, told
from tests.discord_server import CALLBACK, Application, Channel, DiscordServer, Fault, Interaction, Limits, Person

NOT_TAKEN = "This was not taken. Please try again."


class Desk:
    """A guild where the commands are registered, a person, and the running account."""

    def __init__(self, server: DiscordServer, book: Book, account: DiscordAccount, bot: Application) -> None:
        self.server, self.book, self.account, self.bot = server, book, account, bot
        self.anna: Person
        self.help: Channel

    def run(self, command: str, **options: object) -> Interaction:
        return self.anna.run(self.help, command, bot=self.bot, **options)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with DiscordServer(Limits(identify_interval=0.0)) as server:
        bot, book = server.application("token"), Book(server.touch)
        guild = server.world.guild("Shop")
        server.world.invite(guild, bot)
        async with running(server, bot, book) as account:
            desk = Desk(server, book, account, bot)
            desk.anna = server.person("anna")
            desk.anna.join(guild)
            desk.help = server.world.text_channel(guild, "help")
            await server.wait_until(lambda: server.calls["PUT", "/applications/{application_id}/commands"])
            yield desk


async def test_a_question_is_deferred_stored_without_its_token_and_answered_in_place(desk: Desk) -> None:
    asked = desk.run("ask", question="where is my order?")
    await desk.server.wait_until(lambda: desk.book.texts)
    assert asked.state == "thinking"
    (received,) = desk.book.kept.values()
    message = received.event
    assert isinstance(message, MessageReceived)
    assert message.placeholder is not None
    assert (message.text, message.platform_id, message.author.language) == ("where is my order?", "", "en-US")
    assert message.address.chat_id == str(desk.help.id)
    assert message.placeholder.secret == asked.token
    assert asked.token.encode() not in received.raw
    answer = OutboundMessage(new_id(), message.address, "on its way", secret=message.placeholder.secret)
    await desk.account.channel.edit(answer, message.placeholder.platform_id)
    assert asked.text == "on its way"


async def test_an_answer_after_the_tokens_end_says_that_its_place_is_gone(desk: Desk) -> None:
    desk.run("ask", question="where is my order?")
    await desk.server.wait_until(lambda: desk.book.texts)
    (message,) = desk.book.of_kind(MessageReceived)
    assert message.placeholder is not None
    desk.server.advance(1000)
    for secret in (message.placeholder.secret, None):
        answer = OutboundMessage(new_id(), message.address, "on its way", secret=secret)
        with pytest.raises(MessageGone):
            await desk.account.channel.edit(answer, message.placeholder.platform_id)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("chat new", "new"),
        ("chat stop", "stop"),
        ("support human", "human"),
        ("support open", "start"),
        ("help", "help"),
        ("id", "id"),
    ],
)
async def test_commands_arrive_by_the_name_customers_know(desk: Desk, command: str, name: str) -> None:
    given = desk.run(command)
    await desk.server.wait_until(lambda: desk.book.kept)
    (event,) = desk.book.of_kind(CommandGiven)
    assert event.name == name
    assert event.placeholder is not None
    assert given.state == "thinking"


async def test_the_menu_asks_about_a_message_and_quotes_it(desk: Desk) -> None:
    message = desk.anna.say(desk.help, "order 17\nis late")
    desk.anna.menu(desk.help, "Ask about this message", message, bot=desk.bot)
    await desk.server.wait_until(lambda: desk.book.texts)
    assert desk.book.texts == ["About this message by Anna:\n> order 17\n> is late"]


async def test_a_command_that_the_store_refuses_is_said_not_to_be_taken(desk: Desk) -> None:
    desk.book.away = True
    asked = desk.run("ask", question="where is my order?")
    await desk.server.wait_until(lambda: asked.text)
    assert asked.text == NOT_TAKEN
    assert desk.account.counts["not_taken"] == 1


async def test_a_slow_commit_is_waited_for_while_the_person_sees_thinking(desk: Desk) -> None:
    desk.book.slow = asyncio.Event()
    asked = desk.run("ask", question="where is my order?")
    await desk.server.wait_until(lambda: asked.responded)
    assert (asked.state, asked.text) == ("thinking", "")
    desk.book.slow.set()
    await desk.server.wait_until(lambda: desk.book.texts)
    assert asked.text == ""


async def test_what_was_surely_not_deferred_is_not_stored(desk: Desk) -> None:
    desk.server.fail_next(Fault.limited(1.0), *CALLBACK)
    with told(desk.server) as events:
        desk.run("ask", question="where is my order?")
        await desk.server.wait_until(lambda: "discord.not_deferred" in events)
    assert desk.book.kept == {}


async def test_what_may_have_been_deferred_is_stored(desk: Desk) -> None:
    desk.server.fail_next(Fault.dropped(), *CALLBACK)
    asked = desk.run("ask", question="where is my order?")
    await desk.server.wait_until(lambda: desk.book.texts)
    assert asked.state == "thinking"


async def press(desk: Desk) -> tuple[Interaction, str]:
    desk.anna.say(desk.help, f"{desk.bot.mention} hello")
    await desk.server.wait_until(lambda: desk.book.texts)
    (message,) = desk.book.of_kind(MessageReceived)
    outbox_id = new_id()
    button = ButtonView(f"{outbox_id}:up", "helpful")
    platform_id = await desk.account.channel.send(OutboundMessage(outbox_id, message.address, "hi", buttons=(button,)))
    thread = desk.server.world.channels[int(message.address.chat_id)]
    return desk.anna.press(thread.messages[int(platform_id)], "helpful"), button.id


async def test_a_press_is_stored_with_its_address_acknowledged_and_thanked_for_in_private(desk: Desk) -> None:
    desk.book.say = "Thank you."
    pressed, button = await press(desk)
    await desk.server.wait_until(lambda: pressed.followups)
    (event,) = desk.book.of_kind(ButtonPressed)
    (message,) = desk.book.of_kind(MessageReceived)
    assert (event.button, event.address, event.author.user_id) == (button, message.address, str(desk.anna.id))
    assert pressed.state == "acknowledged"
    (said,) = pressed.followups.values()
    assert (said.content, said.shown_to) == ("Thank you.", desk.anna.account)


async def test_a_press_that_the_store_refuses_is_said_not_to_be_taken(desk: Desk) -> None:
    desk.book.say = "Thank you."
    first, _ = await press(desk)
    await desk.server.wait_until(lambda: first.followups)
    desk.book.away = True
    assert first.source is not None
    again = desk.anna.press(first.source, "helpful")
    await desk.server.wait_until(lambda: again.responded)
    assert again.text == NOT_TAKEN


async def test_a_press_is_acknowledged_in_time_by_a_store_that_takes_long(desk: Desk) -> None:
    first, _ = await press(desk)
    await desk.server.wait_until(lambda: first.responded)
    desk.book.slow = asyncio.Event()
    assert first.source is not None
    again = desk.anna.press(first.source, "helpful")
    await desk.server.wait_until(lambda: again.responded)
    assert again.state == "acknowledged"
    desk.book.slow.set()
    await desk.server.wait_until(lambda: len(desk.book.of_kind(ButtonPressed)) == 2)


async def test_commands_are_told_once_and_not_again_at_the_next_start() -> None:
    async with DiscordServer(Limits(identify_interval=0.0)) as server:
        bot, book = server.application("token"), Book(server.touch)
        for _ in range(2):
            read = server.calls["GET", "/applications/{application_id}/commands"]
            async with running(server, bot, book):
                await server.wait_until(lambda read=read: server.calls["GET", "/applications/{application_id}/commands"] > read)
                await server.wait_until(lambda: server.calls["PUT", "/applications/{application_id}/commands"])
                anna = server.person("anna")
                anna.run(anna.dm(bot), "help", bot=bot)  # what the start had to tell was told before this is stored
                await server.wait_until(lambda: book.kept)
                book.kept.clear()
        assert server.calls["PUT", "/applications/{application_id}/commands"] == 1

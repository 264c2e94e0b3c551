"""A real discord.py client against the Discord stand-in: it logs in, hears, answers, makes threads, catches up."""

import io
from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest

from tests.discord_clients import client_of
from tests.discord_server import Application, Channel, DiscordServer, Guild, Permission, Person


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as made:
        yield made


async def test_a_client_logs_in_and_sees_its_guild_with_channels_and_threads(server: DiscordServer) -> None:
    bot, world = server.application("token"), server.world
    guild = world.guild("Shop")
    world.invite(guild, bot)
    anna = server.person("anna")
    anna.join(guild)
    help_ = world.text_channel(guild, "help")
    thread = anna.start_thread("my order", place=help_)
    async with client_of(server, bot) as client:
        assert client.user is not None
        assert client.user.id == bot.id
        (seen,) = client.guilds
        assert [one.name for one in seen.text_channels] == ["help"]
        assert [one.id for one in seen.threads] == [thread.id]


async def test_a_client_hears_a_direct_message_and_its_answer_is_shown(server: DiscordServer) -> None:
    bot, anna = server.application("token"), server.person("anna")
    dm = anna.dm(bot)
    async with client_of(server, bot) as client:
        anna.say(dm, "Where is my order?")
        message = await client.wait_for_text("Where is my order?")
        await message.channel.send("On its way.")
        assert server.on_show(dm) == ["Where is my order?", "On its way."]
        assert server.times_shown("On its way.") == 1


def shop(server: DiscordServer) -> tuple[Application, Person, Guild, Channel]:
    """A bot that sees content, and anna, in a guild with one channel."""
    bot, anna, guild = server.application("token"), server.person("anna"), server.world.guild("Shop")
    server.world.invite(guild, bot, permissions=Permission.MANAGE_THREADS)
    anna.join(guild)
    return bot, anna, guild, server.world.text_channel(guild, "help")


async def test_a_mention_is_answered_by_a_reply(server: DiscordServer) -> None:
    bot, anna, _, place = shop(server)
    async with client_of(server, bot) as client:
        asked = anna.say(place, f"{bot.mention} hello")
        message = await client.wait_for_text(f"{bot.mention} hello")
        assert client.user is not None
        assert client.user.mentioned_in(message)
        assert isinstance(message.author, discord.Member)
        answer = await message.reply("hi", mention_author=False, allowed_mentions=discord.AllowedMentions.none())
        assert answer.reference is not None
        assert answer.reference.message_id == asked.id
        seen = server.seen(place)[-1]
        assert (seen.text, seen.reply_to, bool(seen.pings), seen.bot) == ("hi", asked.id, False, bot.id)


async def test_the_bot_hears_its_own_message_with_its_nonce(server: DiscordServer) -> None:
    bot, _, _, place = shop(server)
    async with client_of(server, bot) as client:
        channel = client.get_channel(place.id)
        assert isinstance(channel, discord.TextChannel)
        await channel.send("mine", nonce="abc")
        assert (await client.wait_for_text("mine")).nonce == "abc"


async def test_edits_and_deletions_of_people_are_heard(server: DiscordServer) -> None:
    bot, anna, _, place = shop(server)
    async with client_of(server, bot, message_content=True) as client:
        message = anna.say(place, "frist")
        await client.wait_for_text("frist")
        anna.edit(message, "first")
        anna.delete(message)
        await server.wait_until(lambda: client.of("message_delete"))
        (edited,) = client.of("raw_message_edit")
        assert (edited.message.content, edited.message_id) == ("first", message.id)


async def test_a_preview_is_edited_until_it_is_the_answer(server: DiscordServer) -> None:
    bot, anna, _, _ = shop(server)
    dm = anna.dm(bot)
    async with client_of(server, bot) as client:
        channel = await client.create_dm(discord.Object(anna.id))
        async with channel.typing():
            message = await channel.send("Let me")
        await message.edit(content="Let me see.")
        await message.delete()
        assert [(one.what, one.text) for one in server.seen(dm)] == [
            ("typing", ""),
            ("sent", "Let me"),
            ("edited", "Let me see."),
            ("deleted", "Let me see."),
        ]
        assert server.on_show(dm) == []


async def test_a_gap_is_caught_up_from_history_in_order(server: DiscordServer) -> None:
    bot, anna, _, _ = shop(server)
    dm = anna.dm(bot)
    first = anna.say(dm, "seen")
    for number in range(250):
        anna.say(dm, f"{number}")
    async with client_of(server, bot) as client:
        channel = await client.create_dm(discord.Object(anna.id))
        found = [one.content async for one in channel.history(after=discord.Object(first.id), oldest_first=True, limit=None)]
        assert found == [f"{number}" for number in range(250)]


async def test_files_go_both_ways(server: DiscordServer) -> None:
    bot, anna, _, _ = shop(server)
    dm = anna.dm(bot)
    async with client_of(server, bot) as client:
        anna.say(dm, "look", files=[("a.txt", b"hers", "text/plain")])
        message = await client.wait_for_text("look")
        assert await message.attachments[0].read() == b"hers"
        sent = await message.channel.send("mine", file=discord.File(io.BytesIO(b"bytes"), "b.txt", description="d"))
        assert [(one.filename, one.content) for one in dm.messages[sent.id].attachments] == [("b.txt", b"bytes")]
        assert server.seen(dm)[-1].files == ("b.txt",)


async def test_a_persistent_view_answers_a_press(server: DiscordServer) -> None:
    bot, anna, _, place = shop(server)
    async with client_of(server, bot) as client:
        view = discord.ui.View(timeout=None)
        button: discord.ui.Button[Any] = discord.ui.Button(label="Human", custom_id="human:1")
        view.add_item(button)

        async def pressed(interaction: discord.Interaction) -> None:
            assert interaction.message is not None
            await interaction.response.send_message(f"pressed on {interaction.message.id}", ephemeral=True)

        button.callback = pressed  # type: ignore[method-assign]
        client.add_view(view)
        channel = client.get_channel(place.id)
        assert isinstance(channel, discord.TextChannel)
        message = await channel.send("help?", view=view)
        acted = anna.press(place.messages[message.id], "Human")
        await server.wait_until(lambda: acted.text == f"pressed on {message.id}")


async def test_threads_are_made_heard_and_closed_by_a_client(server: DiscordServer) -> None:
    bot, anna, _, place = shop(server)
    async with client_of(server, bot, message_content=True) as client:
        anna.say(place, "broken")
        message = await client.wait_for_text("broken")
        thread = await message.create_thread(name="about it")
        anna.say(server.world.channels[thread.id], "inside")
        heard = await client.wait_for_text("inside")
        assert isinstance(heard.channel, discord.Thread)
        assert heard.channel.parent_id == place.id
        await thread.edit(archived=True, locked=True)
        assert (server.world.channels[thread.id].archived, server.world.channels[thread.id].locked) == (True, True)
        anna.start_thread("her own", place=place)
        await server.wait_until(lambda: [one.name for one in client.of("thread_create")] == ["about it", "her own"])


async def test_a_forum_post_is_made_and_tagged_by_a_client(server: DiscordServer) -> None:
    bot, anna, guild, _ = shop(server)
    forum = server.world.forum(guild, "tickets", tags=("open", "done"))
    async with client_of(server, bot, message_content=True) as client:
        channel = client.get_channel(forum.id)
        assert isinstance(channel, discord.ForumChannel)
        tags = {tag.name: tag for tag in channel.available_tags}
        made = await channel.create_thread(name="Ticket 1", content="It broke.", applied_tags=[tags["open"]])
        assert made.message.id == made.thread.id
        await made.thread.edit(applied_tags=[tags["done"]])
        assert server.world.channels[made.thread.id].applied_tags == [str(tags["done"].id)]
        post = anna.post(forum, "Mine too", "It broke as well.")
        await client.wait_for_text("It broke as well.")
        assert server.on_show(post) == ["It broke as well."]


async def test_a_closed_dm_and_a_gone_channel_are_the_librarys_errors(server: DiscordServer) -> None:
    bot, anna, guild, place = shop(server)
    async with client_of(server, bot) as client:
        dm = await client.create_dm(discord.Object(anna.id))
        anna.close_dms(bot)
        with pytest.raises(discord.Forbidden) as closed:
            await dm.send("hello?")
        assert closed.value.code == 50007
        channel = client.get_channel(place.id)
        assert isinstance(channel, discord.TextChannel)
        Person(server.world.users[guild.owner_id], server.town).remove_channel(place)
        with pytest.raises(discord.NotFound) as gone:
            await channel.send("hello?")
        assert gone.value.code == 10003


async def test_a_client_reads_what_it_may_ask_for(server: DiscordServer) -> None:
    bot, anna, guild, place = shop(server)
    thread = anna.start_thread("old", place=place)
    anna.change_thread(thread, archived=True)
    message = anna.say(place, "look me up")
    async with client_of(server, bot) as client:
        assert (await client.application_info()).id == bot.id
        assert (await client.fetch_user(anna.id)).name == "anna"
        fetched = await client.fetch_guild(guild.id)
        assert [one.name for one in await fetched.fetch_channels()] == ["help"]
        assert (await fetched.fetch_member(anna.id)).id == anna.id
        assert (await fetched.active_threads()) == []
        channel = await client.fetch_channel(place.id)
        assert isinstance(channel, discord.TextChannel)
        assert (await channel.fetch_message(message.id)).content == "look me up"
        assert [one.id async for one in channel.archived_threads()] == [thread.id]
        found = await client.fetch_channel(thread.id)
        assert isinstance(found, discord.Thread)
        await found.edit(archived=False)
        await found.join()
        assert [one.id for one in await found.fetch_members()] == [anna.id, bot.id]
        await found.leave()
        assert [one.id for one in await found.fetch_members()] == [anna.id]
        await found.delete()
        assert thread.id not in server.world.channels


async def test_two_bots_in_one_guild_hear_each_other_and_keep_their_own_dms(server: DiscordServer) -> None:
    bot, anna, guild, place = shop(server)
    other = server.application("other", "Rival")
    server.world.invite(guild, other)
    async with client_of(server, bot, message_content=True) as client, client_of(server, other) as rival:
        channel = rival.get_channel(place.id)
        assert isinstance(channel, discord.TextChannel)
        await channel.send("from the rival")
        heard = await client.wait_for_text("from the rival")
        assert heard.author.bot
        anna.say(anna.dm(other), "only for the rival")
        await rival.wait_for_text("only for the rival")
        assert "only for the rival" not in client.texts


async def test_waiting_for_what_never_comes_ends(server: DiscordServer) -> None:
    with pytest.raises(TimeoutError):
        await server.wait_until(lambda: server.log.total, timeout=0.05)

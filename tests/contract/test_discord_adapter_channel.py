"""The Discord channel against the stand-in: sends, edits, threads, reconciliation, and what each refusal means."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.discord.account import DiscordAccount
from bot.errors import DeliveryUnknown, MessageGone, MessageRefused, RecipientGone, RetryLater
from bot.events import ChannelAddress
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from bot.views import ButtonView
from tests.contract.discord_rig import DiscordRig
from tests.discord_book import KEY, Book, account_of
from tests.discord_server import (
    CREATE_MESSAGE,
    EDIT_MESSAGE,
    EVERYONE,
    READ_MESSAGES,
    Channel,
    DiscordServer,
    Fault,
    Limits,
    Message,
    Permission,
)
from tests.push_double import Fault as Trouble

LONG_AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
async def rig() -> AsyncIterator[DiscordRig]:
    async with DiscordRig().up() as rig:
        yield rig


def words(at: ChannelAddress, text: str, **more: object) -> OutboundMessage:
    return replace(OutboundMessage(new_id(), at, text), **more)


# what the push-channel suite asks of every channel


async def test_a_sent_message_is_shown_and_edits_of_it_that_change_nothing_are_not_even_asked(rig: DiscordRig) -> None:
    message = words(rig.at, "hello")
    platform_id = await rig.channel.send(message)
    for text in ("hello", "hello, world", "hello, world"):
        await rig.channel.edit(replace(message, text=text), platform_id)
    assert rig.on_show() == ["hello, world"]
    assert rig.server.calls[EDIT_MESSAGE] == 1


async def test_a_removed_message_is_gone_and_removing_it_again_is_no_error(rig: DiscordRig) -> None:
    platform_id = await rig.channel.send(words(rig.at, "hello"))
    for _ in range(2):
        await rig.channel.delete(words(rig.at, ""), platform_id)
    assert rig.on_show() == []


async def test_an_edit_of_a_message_that_was_deleted_says_so(rig: DiscordRig) -> None:
    platform_id = await rig.channel.send(words(rig.at, "hello"))
    rig.delete(platform_id)
    with pytest.raises(MessageGone):
        await rig.channel.edit(words(rig.at, "hello, world"), platform_id)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Trouble.GONE, RecipientGone),
        (Trouble.REFUSED, MessageRefused),
        (Trouble.LIMIT_CHAT, RetryLater),
        (Trouble.LIMIT_ACCOUNT, RetryLater),
        (Trouble.UNKNOWN_BEFORE, DeliveryUnknown),
    ],
)
async def test_what_is_not_sent_is_not_shown_and_one_call_is_one_request(
    rig: DiscordRig, trouble: Trouble, error: type[Exception]
) -> None:
    rig.fail_next(trouble)
    with pytest.raises(error) as raised:
        await rig.channel.send(words(rig.at, "hello"))
    assert rig.on_show() == []
    assert rig.server.calls[CREATE_MESSAGE] == 1
    if isinstance(raised.value, RetryLater):
        assert raised.value.scope == ("account" if trouble is Trouble.LIMIT_ACCOUNT else "chat")
        assert 0.1 < raised.value.after_s <= 0.2
        await asyncio.sleep(raised.value.after_s)
        await rig.channel.send(words(rig.at, "hello"))
        assert rig.server.broken_limits == 0


@pytest.mark.parametrize(
    "fault",
    [Fault.dropped(), Fault.reset(accepted=True), Fault.error(500, accepted=True), Fault.garbled()],
    ids=lambda one: one.kind,
)
async def test_a_send_nobody_knows_of_is_found_by_its_nonce_and_by_its_outbox_id(rig: DiscordRig, fault: Fault) -> None:
    message = words(rig.at, "hello")
    rig.server.fail_next(fault, *CREATE_MESSAGE)
    with pytest.raises(DeliveryUnknown):
        await rig.channel.send(message)
    again = await rig.channel.send(replace(message, repeat=True))
    assert await rig.channel.find_sent(message, LONG_AGO) == again
    assert await rig.channel.find_sent(words(rig.at, "never sent"), LONG_AGO) is None
    assert rig.on_show() == ["hello"]


async def test_a_message_is_found_among_many_others(rig: DiscordRig) -> None:
    sent = await rig.channel.send(message := words(rig.at, "needle"))
    for number in range(230):
        rig.person.say(rig.dm, f"straw {number}")
    assert await rig.channel.find_sent(message, datetime.now(UTC)) == sent
    assert await rig.channel.find_sent(message, datetime.now(UTC) + timedelta(hours=1)) is None


async def test_a_search_that_meets_a_limit_goes_on_where_it_was(rig: DiscordRig) -> None:
    for number in range(730):
        rig.person.say(rig.dm, f"straw {number}")
    sent = await rig.channel.send(message := words(rig.at, "needle"))
    with pytest.raises(RetryLater):
        await rig.channel.find_sent(message, datetime.now(UTC))
    rig.server.advance(6.0)
    rig.account._rest._empty.clear()
    assert await rig.channel.find_sent(message, datetime.now(UTC)) == sent
    assert rig.server.calls[READ_MESSAGES] == 8


async def test_an_empty_bucket_is_not_asked(rig: DiscordRig) -> None:
    for number in range(5):
        await rig.channel.send(words(rig.at, f"{number}"))
    with pytest.raises(RetryLater) as raised:
        await rig.channel.send(words(rig.at, "5"))
    assert raised.value.scope == "chat"
    assert rig.server.calls[CREATE_MESSAGE] == 5


async def test_a_revoked_token_makes_the_account_wait(rig: DiscordRig) -> None:
    rig.bot.revoked = True
    with pytest.raises(RetryLater) as raised:
        await rig.channel.send(words(rig.at, "hello"))
    assert (raised.value.scope, raised.value.after_s) == ("account", 60.0)


async def test_nobody_is_pinged_and_long_texts_are_measured_as_discord_counts_them(rig: DiscordRig) -> None:
    await rig.channel.send(words(rig.at, f"@everyone {rig.person.mention} " + "\N{SLIGHTLY SMILING FACE}" * 1000))
    (seen,) = [one for one in rig.server.seen(rig.dm) if one.what == "sent"]
    assert not seen.pings.users
    assert not seen.pings.everyone
    assert rig.dm.messages[seen.message_id or 0].flags & 4  # links show no embeds
    assert rig.channel.measure("\N{SLIGHTLY SMILING FACE}" * 10) == 10
    with pytest.raises(MessageRefused):
        await rig.channel.send(words(rig.at, "x" * 2001))


async def test_buttons_go_out_as_they_are_and_what_has_none_is_marked(rig: DiscordRig) -> None:
    message = words(rig.at, "hello")
    button = ButtonView(f"{message.outbox_id}:up", "helpful")
    platform_id = await rig.channel.send(message)
    assert rig.dm.messages[int(platform_id)].buttons == (f"{message.outbox_id}:",)
    await rig.channel.edit(replace(message, buttons=(button,)), platform_id)
    assert rig.dm.messages[int(platform_id)].components[0]["components"][0]["custom_id"] == button.id


# threads


class Desk:
    def __init__(self, server: DiscordServer, permissions: int = EVERYONE) -> None:
        self.server = server
        self.bot = server.application("token")
        self.guild = server.world.guild("Shop", permissions=permissions)
        server.world.invite(self.guild, self.bot)
        self.anna = server.person("anna")
        self.anna.join(self.guild)
        self.help = server.world.text_channel(self.guild, "help")
        self.account: DiscordAccount = account_of(server, self.bot, Book())

    def ask(self) -> tuple[Message, ChannelAddress]:
        asked = self.anna.say(self.help, "where is my order?")
        return asked, ChannelAddress(KEY.channel, KEY.name, str(asked.id), str(self.help.id))

    def thread(self, asked: Message) -> Channel:
        assert asked.thread is not None
        return asked.thread


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with DiscordServer(Limits()) as server:
        desk = Desk(server)
        yield desk
        await desk.account.close()


async def test_the_first_thing_shown_opens_the_thread_and_everything_else_goes_into_it(desk: Desk) -> None:
    asked, at = desk.ask()
    await desk.account.channel.typing(at)
    message = words(at, "on its way", reply_to=str(asked.id))
    platform_id = await desk.account.channel.send(message)
    await desk.account.channel.edit(replace(message, text="it is on its way"), platform_id)
    assert desk.server.on_show(desk.thread(asked))[1:] == ["it is on its way"]
    assert desk.server.on_show(desk.help) == ["where is my order?"]
    assert await desk.account.channel.find_sent(message, LONG_AGO) == platform_id


async def test_a_thread_that_somebody_opened_meanwhile_is_used(desk: Desk) -> None:
    asked, at = desk.ask()
    desk.anna.start_thread("mine", on=asked)
    await desk.account.channel.send(words(at, "on its way"))
    assert desk.server.on_show(desk.thread(asked))[1:] == ["on its way"]


async def test_where_the_thread_may_not_be_opened_the_answer_stands_below_the_question(desk: Desk) -> None:
    asked, at = desk.ask()
    desk.server.world.overwrite(desk.help, desk.guild, deny=Permission.CREATE_PUBLIC_THREADS)
    message = words(at, "on its way")
    platform_id = await desk.account.channel.send(message)
    assert platform_id.startswith(f"{desk.help.id}/")
    await desk.account.channel.edit(replace(message, text="it is on its way"), platform_id)
    (sent, _) = [one for one in desk.server.seen(desk.help) if one.bot]
    assert sent.reply_to == asked.id
    assert desk.server.on_show(desk.help)[-1] == "it is on its way"
    assert await desk.account.channel.find_sent(message, LONG_AGO) == platform_id
    await desk.account.channel.delete(message, platform_id)
    assert desk.server.on_show(desk.help) == ["where is my order?"]


async def test_a_question_that_was_deleted_before_its_thread_began_has_nobody_to_answer(desk: Desk) -> None:
    asked, at = desk.ask()
    desk.anna.delete(asked)
    with pytest.raises(RecipientGone):
        await desk.account.channel.send(words(at, "on its way"))


async def test_a_sleeping_thread_is_woken_for_an_edit_and_a_locked_one_is_gone(desk: Desk) -> None:
    asked, at = desk.ask()
    message = words(at, "on its way")
    platform_id = await desk.account.channel.send(message)
    thread = desk.thread(asked)
    desk.server.threads.change(thread, desk.guild.owner_id, {"archived": True}, bot=None)
    with pytest.raises(RetryLater) as raised:
        await desk.account.channel.edit(replace(message, text="it is on its way"), platform_id)
    assert raised.value.after_s == 0.0
    await desk.account.channel.edit(replace(message, text="it is on its way"), platform_id)
    desk.server.threads.change(thread, desk.guild.owner_id, {"archived": True, "locked": True}, bot=None)
    with pytest.raises(RecipientGone):
        await desk.account.channel.send(words(at, "more"))


async def test_a_channel_where_the_bot_may_not_write_is_gone(desk: Desk) -> None:
    desk.server.world.overwrite(desk.help, desk.guild, deny=Permission.SEND_MESSAGES)
    with pytest.raises(RecipientGone):
        await desk.account.channel.send(words(ChannelAddress(KEY.channel, KEY.name, str(desk.help.id)), "hello"))


async def test_an_answer_names_its_question_in_a_channel(desk: Desk) -> None:
    asked, _ = desk.ask()
    at = ChannelAddress(KEY.channel, KEY.name, str(desk.help.id))
    await desk.account.channel.send(words(at, "on its way", reply_to=str(asked.id)))
    assert desk.server.seen(desk.help)[-1].reply_to == asked.id

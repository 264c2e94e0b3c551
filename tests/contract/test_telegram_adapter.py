"""The Telegram adapter against the stand-in, over sockets: nothing accepted is lost, nothing is taken twice."""

import asyncio
from collections.abc import Callable

import pytest

from bot.events import (
    Arrived,
    ButtonPressed,
    ChannelAddress,
    ChatMoved,
    Departed,
    MessageEdited,
    MessageReceived,
    StopRequested,
    Undecodable,
)
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from bot.views import ButtonView
from tests.contract.telegram_rig import running, settings_for, soon
from tests.telegram_double import MemoryIntake
from tests.telegram_server import BotAccount, Fault, Limits, TelegramServer


async def until(holds: Callable[[], object], within_s: float = 5.0) -> None:
    """Look again whenever the loop has done something else."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.001)


def events(intake: MemoryIntake) -> list[type]:
    return [type(received.event) for received in intake.stored.values()]


async def test_what_people_say_is_stored_and_only_then_confirmed() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake(away=5)
        ann.say("hello")
        async with running(server, account, intake):
            await until(lambda: not intake.away)
            ann.say("are you there?")
            await until(lambda: len(intake.texts) == 2 and not server.pending_updates())
        assert intake.texts == ["hello", "are you there?"]


async def test_a_batch_that_was_not_stored_is_still_there_for_the_next_start() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann = server.add_bot(), server.add_user("Ann")
        ann.say("hello")
        dead = MemoryIntake(away=10**9)
        async with running(server, account, dead):
            await until(lambda: dead.away < 10**9)
        assert server.pending_updates() == 1
        intake = MemoryIntake()
        async with running(server, account, intake):
            await until(lambda: intake.texts == ["hello"])


async def test_a_stop_after_storing_and_before_confirming_takes_nothing_twice() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        for round_ in range(5):
            ann.say(f"message {round_}")
            async with running(server, account, intake):
                await until(lambda: intake.texts[-1:] == [f"message {round_}"])  # noqa: B023 - waited for right here
        assert intake.texts == [f"message {round_}" for round_ in range(5)]


async def test_a_hundred_updates_with_poison_among_them_go_through_at_once() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        for number in range(50):
            ann.say(f"before {number}")
        server.inject_update({"message": {"message_id": "poison"}})
        server.inject_update({"telepathy": {}})
        for number in range(48):
            ann.say(f"after {number}")
        async with running(server, account, intake):
            await until(lambda: len(intake.stored) == 100)
            await until(lambda: not server.pending_updates())
        assert events(intake).count(Undecodable) == 2
        assert intake.batches[0] == 100


async def test_updates_that_come_again_are_stored_once() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        async with running(server, account, intake):
            ann.say("once")
            await until(lambda: intake.texts == ["once"] and not server.pending_updates())
            server.repeat_update()
            ann.say("more")
            await until(lambda: len(intake.texts) == 2)
            await until(lambda: not server.pending_updates())
        assert intake.texts == ["once", "more"]


@pytest.mark.parametrize("start", [3_000_000, 900_000_000])
async def test_ids_that_begin_anew_lose_nothing(start: int) -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        async with running(server, account, intake):
            ann.say("old")
            await until(lambda: intake.texts == ["old"] and not server.pending_updates())
            server.renumber_updates(start)
            ann.say("new")
            await until(lambda: intake.texts == ["old", "new"])


TROUBLES = [
    Fault.error(502), Fault.error(500), Fault.reset(), Fault.lost_answer(), Fault.html(), Fault.html(done=False, status=502),
    Fault.truncated(), Fault.limit(1),
]  # fmt: skip


@pytest.mark.parametrize("fault", TROUBLES, ids=lambda fault: f"{fault.trouble.name.lower()}-{fault.status}")
async def test_troubles_of_the_way_lose_nothing(fault: Fault) -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        for method in ("getMe", "deleteWebhook", "getUpdates"):
            server.fail_next(fault, method=method, times=2)
        ann.say("hello")
        async with running(server, account, intake):
            await until(lambda: intake.texts == ["hello"] and not server.pending_updates())


async def test_a_connection_that_breaks_in_a_long_poll_is_made_again() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        async with running(server, account, intake):
            for number in range(3):
                await until(lambda: account.receiver is not None)
                server.cut_connections()
                ann.say(f"{number}")
                await until(lambda: len(intake.texts) == number + 1)  # noqa: B023 - waited for right here


async def test_a_token_that_is_revoked_and_works_again_is_waited_for() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        account.revoked = len(waits) < 3
        await soon(seconds)

    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        ann.say("hello")
        account.revoked = True
        async with running(server, account, intake, sleep=sleep):
            await until(lambda: intake.texts == ["hello"])
    assert waits[:3] == [60.0] * 3


async def test_a_second_program_with_the_same_token_is_borne() -> None:
    """Either may get an update; whoever does, stores it."""
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        async with running(server, account, intake), running(server, account, intake):
            await until(lambda: any("Conflict" in refusal for refusal in server.refused))
            for number in range(5):
                ann.say(f"{number}")
            await until(lambda: len(intake.texts) == 5)
    assert sorted(intake.texts) == list("01234")


async def test_a_webhook_of_somebody_else_is_taken_away_without_losing_what_waits() -> None:
    async with TelegramServer(Limits.none()) as server, Nobody(server, server.add_bot()):
        account, ann, intake = server.the_bot(), server.add_user("Ann"), MemoryIntake()
        ann.say("hello")
        async with running(server, account, intake):
            await until(lambda: intake.texts == ["hello"])


class Nobody:
    """A webhook is set to an address where nobody listens."""

    def __init__(self, server: TelegramServer, account: BotAccount) -> None:
        self._server, self._account = server, account

    async def __aenter__(self) -> None:
        from aiogram.methods import SetWebhook

        from adapters.telegram.session import connect, disconnect

        bot = connect(settings_for(self._server, self._account))
        await bot(SetWebhook(url="http://127.0.0.1:9/nobody"))
        await disconnect(bot)

    async def __aexit__(self, *_: object) -> None: ...


MENUS = 2 * 3  # for private chats and groups, in English, German and Spanish


async def test_the_menu_is_set_once() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, intake = server.add_bot(), MemoryIntake()
        async with running(server, account, intake):
            await until(lambda: server.calls["setMyCommands"] == MENUS)
        async with running(server, account, intake):
            await until(lambda: server.calls["getMyCommands"] == 2 * MENUS)
        assert server.calls["setMyCommands"] == MENUS


async def test_a_group_hears_and_moves_and_loses_the_bot() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(username="frontbot", reads_all=True), server.add_user("Ann"), MemoryIntake()
        group = server.add_group("Team", ann)
        async with running(server, account, intake):
            group.add_bot(account)
            ann.say("just us", to=group)
            ann.say("🙂 @FrontBot, are you there?", to=group)
            ann.say("/new@frontbot", to=group)
            ann.say("/new@otherbot", to=group)
            old = group.id
            group.migrate()
            group.remove_bot(account)
            await until(lambda: Departed in events(intake))
        assert intake.texts == ["🙂, are you there?", "/new"]
        assert events(intake) == [Arrived, MessageReceived, MessageReceived, ChatMoved, Departed]
        [moved] = [received.event for received in intake.stored.values() if isinstance(received.event, ChatMoved)]
        assert (moved.address.chat_id, moved.chat_id) == (str(old), str(group.id))


async def test_a_topic_is_an_address_and_a_topic_of_the_bots_own_is_no_reply_to_it() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(username="frontbot", reads_all=True), server.add_user("Ann"), MemoryIntake()
        group = server.add_group("Team", ann, admins=[account], forum=True)
        async with running(server, account, intake) as part:
            created = await part._bot.create_forum_topic(group.id, "Case")
            topic = group.topic(created.message_thread_id)
            ann.say("among us", to=group, topic=topic)
            ann.say("@frontbot hi", to=group, topic=topic)
            ann.say("@frontbot general", to=group)
            await until(lambda: len(intake.texts) == 2)
        addresses = [received.event.address.thread_id for received in intake.stored.values()]  # type: ignore[union-attr]
        assert addresses == [str(topic.thread_id), ""]


async def test_an_edit_a_block_and_a_stop_are_heard() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake()
        async with running(server, account, intake) as part:
            said = ann.say("helo")
            ann.edit(said, "hello")
            at = ChannelAddress("telegram", "main", str(ann.id))
            await part.channel.draft(OutboundMessage(new_id(), at, "thinking about it"))
            ann.stop_draft()
            ann.block()
            ann.unblock()
            await until(lambda: len(intake.stored) == 5)
        assert set(events(intake)) == {MessageReceived, MessageEdited, StopRequested, Departed, Arrived}


async def test_a_press_comes_back_with_its_id_and_is_answered() -> None:
    async with TelegramServer(Limits.none()) as server:
        account, ann, intake = server.add_bot(), server.add_user("Ann"), MemoryIntake(say="Noted")
        ann.start()
        async with running(server, account, intake) as part:
            button, at = f"{new_id()}:1", ChannelAddress("telegram", "main", str(ann.id))
            sent = await part.channel.send(OutboundMessage(new_id(), at, "Sure?", buttons=(ButtonView(button, "Yes"),)))
            press = ann.press(int(sent), "Yes")
            await until(lambda: press.answered)
        [pressed] = [received.event for received in intake.stored.values() if isinstance(received.event, ButtonPressed)]
        assert pressed.button == button

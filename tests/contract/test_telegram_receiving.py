"""getUpdates as the real server queues and hands out updates, through the real aiogram."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiogram import Dispatcher, Router
from aiogram.exceptions import ClientDecodeError, TelegramConflictError
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message, Update

from tests.contract.telegram_scene import RawUpdates, client, telegram
from tests.telegram_server import Limits

YES = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Yes", callback_data="y")]])


def texts(updates: list[dict[str, Any]]) -> list[str]:
    return [each["message"]["text"] for each in updates]


async def test_an_update_is_given_again_until_it_is_confirmed() -> None:
    async with telegram() as scene:
        scene.ann.say("one")
        scene.ann.say("two")
        first = await scene.updates()
        assert texts(first) == texts(await scene.updates()) == ["one", "two"]
        assert first[1]["update_id"] == first[0]["update_id"] + 1
        assert texts(await scene.updates(first[1]["update_id"])) == ["two"]
        assert await scene.updates(first[1]["update_id"] + 1) == []
        assert scene.server.pending_updates() == 0


async def test_a_negative_offset_forgets_all_but_the_last() -> None:
    async with telegram() as scene:
        for text in ("one", "two", "three"):
            scene.ann.say(text)
        assert texts(await scene.updates(-1)) == ["three"]
        assert texts(await scene.updates()) == ["three"]


async def test_an_offset_far_in_the_future_or_past_means_the_first_pending_and_confirms_nothing() -> None:
    async with telegram() as scene:
        scene.ann.say("one")
        update_id = (await scene.updates())[0]["update_id"]
        for offset in (update_id + 12, update_id - 200_000):
            assert texts(await scene.updates(offset)) == ["one"]
        assert await scene.updates(update_id + 11) == []  # near enough to be believed: confirmed


async def test_at_most_a_hundred_come_at_once() -> None:
    async with telegram() as scene:
        for number in range(130):
            scene.ann.say(str(number))
        assert [len(await scene.updates(limit=limit)) for limit in (1, 100, 500)] == [1, 100, 100]


async def test_a_long_poll_ends_with_the_first_update() -> None:
    async with telegram() as scene:
        poll = asyncio.create_task(scene.updates(timeout=30))
        await scene.server.wait_until(lambda: scene.account.receiver is not None)
        scene.ann.say("late")
        assert texts(await poll) == ["late"]


async def test_an_older_long_poll_is_ended_by_a_newer_that_waits() -> None:
    async with telegram() as scene:
        older = asyncio.create_task(scene.updates(timeout=30))
        await scene.server.wait_until(lambda: scene.account.receiver is not None)
        newer = asyncio.create_task(scene.updates(timeout=30))
        with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request; make sure that only one bot"):
            await older
        scene.ann.say("for the newer")
        assert texts(await newer) == ["for the newer"]


async def test_a_client_that_asks_the_same_again_at_once_gets_one_update_and_waits() -> None:
    async with telegram(replace(Limits.none(), repeated_poll_s=0.2, hasty_poll_s=10.0)) as scene:
        loop = asyncio.get_running_loop()
        for text in ("one", "two"):
            scene.ann.say(text)
        assert [len(await scene.updates(5)) for _ in range(2)] == [2, 1]
        await scene.drain()
        await scene.updates(7)
        began = loop.time()
        assert await scene.updates(7) == []
        assert loop.time() - began > 0.15


async def test_updates_are_kept_for_24_hours() -> None:
    async with telegram() as scene:
        scene.ann.say("old")
        scene.server.clock.advance(24 * 3600 - 60)
        scene.ann.say("new")
        scene.server.clock.advance(120)
        assert texts(await scene.updates()) == ["new"]


async def test_a_press_is_forgotten_after_150_seconds_and_messages_around_it_are_not() -> None:
    async with telegram() as scene:
        await scene.bot.send_message(scene.ann.id, "sure?", reply_markup=YES)
        scene.ann.say("before")
        scene.ann.press(scene.server.messages_on_show(scene.ann.id)[0])
        scene.ann.say("after")
        assert len(await scene.updates()) == 3
        scene.server.clock.advance(151)
        assert texts(await scene.updates()) == ["before", "after"]


async def test_kinds_left_out_by_default_must_be_asked_for_and_the_choice_is_remembered() -> None:
    async with telegram() as scene:
        said = scene.ann.say("one")
        scene.ann.edit(said, "one!")
        assert [set(each) - {"update_id"} for each in await scene.drain()] == [{"message"}, {"edited_message"}]
        await scene.updates(allowed_updates=["edited_message", "nonsense"])
        scene.ann.edit(scene.ann.say("two"), "two!")
        assert [set(each) - {"update_id"} for each in await scene.drain()] == [{"edited_message"}]
        await scene.updates(allowed_updates=[])  # everything but the three
        assert "message" in scene.account.allowed
        assert not {"chat_member", "message_reaction", "message_reaction_count"} & scene.account.allowed


async def test_after_a_quiet_week_ids_begin_anywhere() -> None:
    async with telegram() as scene:
        scene.ann.say("before")
        last = (await scene.drain())[0]["update_id"]
        scene.server.renumber_updates(last - 150_000)
        scene.ann.say("after")
        (update,) = await scene.updates(last + 1)
        assert (update["update_id"], update["message"]["text"]) == (last - 150_000, "after")


async def test_updates_can_be_repeated_and_shuffled() -> None:
    async with telegram() as scene:
        scene.ann.say("one")
        (confirmed,) = await scene.drain()
        assert scene.server.repeat_update() == confirmed["update_id"]
        for text in "abcdefgh":
            scene.ann.say(text)
        scene.server.shuffle_updates(seed=1)
        got = await scene.updates(confirmed["update_id"] + 1)
        assert got[0] == confirmed
        assert sorted(texts(got[1:])) == list("abcdefgh")
        assert texts(got[1:]) != list("abcdefgh")
        assert [each["update_id"] for each in got] == sorted(each["update_id"] for each in got)


async def test_poison_fails_the_whole_batch_of_aiogram_and_is_read_raw() -> None:
    async with telegram() as scene:
        scene.ann.say("fine")
        scene.server.inject_update({"message": {"message_id": "not a number"}})
        scene.server.inject_update({"kind_of_tomorrow": {"x": 1}})
        with pytest.raises(ClientDecodeError):
            await scene.bot.get_updates()
        assert [set(each) - {"update_id"} for each in await scene.updates()] == [{"message"}, {"message"}, {"kind_of_tomorrow"}]


async def test_an_aiogram_bot_echoes_and_answers_presses() -> None:
    router = Router()

    @router.message()
    async def echo(message: Message) -> None:
        await message.answer(f"you said {message.text}", reply_markup=YES)

    @router.callback_query()
    async def pressed(query: CallbackQuery) -> None:
        await query.answer(f"got {query.data}")

    async with telegram() as scene:
        dispatcher = Dispatcher()
        dispatcher.include_router(router)
        polling = asyncio.create_task(
            dispatcher.start_polling(scene.bot, handle_signals=False, close_bot_session=False, polling_timeout=5)
        )
        bob = scene.server.add_user("Bob")
        for number in range(20):
            scene.ann.say(f"a{number}")
            bob.say(f"b{number}")
        await scene.server.wait_until(lambda: len(scene.server.log) == 40)
        assert set(scene.server.on_show(scene.ann.id)) == {f"you said a{number}" for number in range(20)}
        press = bob.press(scene.server.messages_on_show(bob.id)[0])
        await scene.server.wait_until(lambda: press.answered)
        assert scene.server.log[-1].text == "got y"
        await dispatcher.stop_polling()
        await polling


async def test_every_kind_of_update_is_valid_to_aiogram() -> None:
    async with telegram() as scene:
        ann, server = scene.ann, scene.server
        forum = server.add_group("Forum", ann, admins=[scene.account], forum=True)
        group = server.add_group("Team", ann)
        group.add_bot(scene.account)
        topic = forum.open_topic("Orders")
        ann.say("in a topic /now", to=forum, topic=topic)
        ann.send_photo(caption="look @ann_k")
        ann.send_document(b"%PDF", "bill.pdf")
        ann.send_voice()
        ann.send_sticker()
        ann.send_album([b"a", b"b", b"c"], caption="three")
        ann.send_contact()
        ann.send_location()
        ann.edit(ann.say("typo"), "fixed")
        group.migrate()
        ann.block()
        ann.unblock()
        group.remove_bot(scene.account)
        forum.close_topic(topic)
        forum.reopen_topic(topic)
        updates = await scene.bot.get_updates()
        assert len(updates) == scene.server.pending_updates() == 23
        assert {update.event_type for update in updates} == {"message", "edited_message", "my_chat_member"}
        albums = [update.message for update in updates if update.message and update.message.media_group_id]
        assert len(albums) == 3
        assert len({message.media_group_id for message in albums}) == 1


async def test_two_bots_have_their_own_queues_and_chats() -> None:
    async with telegram() as scene:
        other = scene.server.add_bot("Other")
        second = client(scene.server, other.token)
        scene.ann.say("for the first", to=scene.account)
        scene.ann.say("for the second", to=other)
        assert texts(await scene.updates()) == ["for the first"]
        assert texts(await second(RawUpdates())) == ["for the second"]
        await second.send_message(scene.ann.id, "from the second")
        assert scene.server.on_show(scene.ann.id, bot=scene.account) == []
        assert scene.server.on_show(scene.ann.id, bot=other) == ["from the second"]
        await second.session.close()


def test_update_names_are_those_of_aiogram() -> None:
    from tests.telegram_server.updates import KINDS

    assert set(Update.model_fields) - {"update_id"} == KINDS

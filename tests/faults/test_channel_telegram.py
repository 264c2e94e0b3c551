"""Faults of Telegram, one by one, over the real adapter: what users see in the end, and who is not held up meanwhile."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.faults.receiving.points import Mode
from tests.faults.receiving.scene import WITHIN_S, Scene, scene
from tests.faults.receiving.telegram_street import SECRET, TelegramStreet, Walker
from tests.faults.town import Town
from tests.telegram_server import Fault

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]
HEADER = "X-Telegram-Bot-Api-Secret-Token"
SOON_S = 5.0


def street_of(made: Scene) -> TelegramStreet:
    assert made.telegram is not None
    return made.telegram


def walker(made: Scene, kind: str) -> Walker:
    """The first customer in a "private" chat, a "group", a "basic group" or a "topic"."""
    fits = {
        "private": lambda one: one.to is None,
        "group": lambda one: one.to and not one.topic,
        "basic group": lambda one: one.to and one.to.chat.kind == "group",
        "topic": lambda one: one.topic,
    }[kind]
    return next(one for one in street_of(made).walkers if fits(one))


def shows(made: Scene, who: Walker, token: str) -> bool:
    chat_id = who.to.id if who.to else who.person.id
    return any(f"{token}:" in text or f"{token}," in text for text in street_of(made).server.on_show(chat_id))


async def answered(made: Scene, who: Walker, token: str, within_s: float = WITHIN_S) -> None:
    await street_of(made).server.wait_until(lambda: shows(made, who, token), within_s)


def clean(made: Scene) -> None:
    verdict = made.verdict()
    assert verdict.clean, verdict.broken


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_poison_and_unknown_updates_hold_up_nobody_and_are_kept_as_dead_letters(
    town: Town, tmp_path: Path, mode: Mode
) -> None:
    async with scene(town, tmp_path, telegram=mode) as made:
        await made.bear()
        street = street_of(made)
        if mode == "webhook":
            await street.server.wait_until(lambda: street.server.calls["setWebhook"])
        for number in range(200):
            if number % 50 == 7:  # one in a hundred of each kind
                street.inject(number // 50)
                street.inject(number // 50 + 2)
            street.say(street.walkers[number % 6])
        await street.server.wait_until(lambda: not street.server.pending_updates(), WITHIN_S)
        await made.rest()
        assert (made.record().dead, street.ledger.poison) == (8, 8)
        assert made.verdict().longest_wait_s < SOON_S
        clean(made)


async def test_a_chat_that_is_told_to_wait_delays_no_other(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, telegram="polling") as made:
        await made.bear()
        street = street_of(made)
        slow, quick = street.walkers[:2]
        street.server.fail_next(Fault.limit(2), method="sendMessage", chat_id=slow.person.id, times=2)
        stormed = street.say(slow)
        await street.server.wait_until(lambda: street.server.limited, SOON_S)
        for _ in range(3):
            await answered(made, quick, street.say(quick), within_s=SOON_S / 2)
        assert not shows(made, slow, stormed)
        await answered(made, slow, stormed)
        await made.rest()
        assert street.server.broken_limits == 0
        clean(made)


@pytest.mark.parametrize(("kind", "shown"), [("private", 2), ("group", 1), ("topic", 1)])
@pytest.mark.parametrize(
    "fault", [Fault.lost_answer(), Fault.truncated(), Fault.error(502, done=True)], ids=lambda f: f.trouble.name
)
async def test_an_answer_whose_reply_was_lost_stands_once_or_is_counted(
    town: Town, tmp_path: Path, kind: str, shown: int, fault: Fault
) -> None:
    """In private chats a plain send is repeated, and the repeat is counted; elsewhere the answer is an edit."""
    async with scene(town, tmp_path, telegram="polling") as made:
        await made.bear()
        street, who = street_of(made), walker(made, kind)
        street.server.fail_next(fault, method="sendMessage" if kind == "private" else "editMessageText")
        token = street.say(who)
        await answered(made, who, token)
        await made.rest()
        assert street.server.troubled.total() == 1
        (row,) = [row for of in made.record().rows.values() for row in of if row.kind == "bot"]
        assert (street.server.times_shown(row.text), row.repeats) == (shown, shown - 1)
        clean(made)


async def test_a_topic_that_is_deleted_under_an_answer_ends_it_and_nothing_else(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, telegram="polling") as made:
        await made.bear()
        street, gone, other = street_of(made), walker(made, "topic"), street_of(made).walkers[0]
        gate = made.node.behaviour.gate = asyncio.Event()
        street.say(gone)
        await made.until(lambda found: found.turns)
        assert gone.to is not None
        assert gone.topic is not None
        gone.to.delete_topic(gone.topic)
        gate.set()
        await made.until(lambda found: [row.state for row in found.rows.get(gone.chat, ())] == ["failed"])
        await answered(made, other, street.say(other))
        assert not made.process.dead.is_set()


async def test_a_placeholder_that_is_deleted_is_no_reason_to_keep_the_answer_back(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, telegram="polling") as made:
        await made.bear()
        street, who = street_of(made), walker(made, "group")
        gate = made.node.behaviour.gate = asyncio.Event()
        made.node.behaviour.gate_after = 4
        token = street.say(who)
        assert who.to is not None
        chat_id = who.to.id
        await street.server.wait_until(lambda: street.server.on_show(chat_id), WITHIN_S)
        (shown,) = street.server.messages_on_show(chat_id)
        del shown.chat.messages[shown.message_id]
        gate.set()
        await answered(made, who, token)
        await made.rest()
        clean(made)


async def test_a_user_who_blocks_the_bot_mid_answer_is_left_alone(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, telegram="polling") as made:
        await made.bear()
        street = street_of(made)
        leaving, staying = street.walkers[:2]
        gate = made.node.behaviour.gate = asyncio.Event()
        made.node.behaviour.gate_after = 4
        street.say(leaving)
        await street.server.wait_until(lambda: street.server.draft_on_show(leaving.person.id), WITHIN_S)
        leaving.person.block()
        gate.set()
        await made.rest()
        await answered(made, staying, street.say(staying))
        sends = street.server.calls["sendMessage"]
        await made.rest()
        assert street.server.on_show(leaving.person.id) == []
        assert street.server.calls["sendMessage"] == sends
        leaving.person.unblock()
        await answered(made, leaving, street.say(leaving))


async def test_a_revoked_token_is_one_clear_line_and_the_other_channel_goes_on(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, telegram="polling", discord=True) as made:
        await made.bear()
        street = street_of(made)
        await answered(made, street.walkers[0], street.say(street.walkers[0]))
        street.bot.revoked = True
        street.server.cut_connections()
        assert made.discord is not None
        person = made.discord.walkers[0]
        made.discord.say(person)
        place = person.place
        assert place is not None
        await made.discord.server.wait_until(lambda: [t for t in made.discord.server.on_show(place) if "Answer" in t], WITHIN_S)
        await made.until(lambda _: "token_refused" in made.log.read_text())
        lines = [line for line in made.log.read_text().splitlines() if '"error"' in line or '"warning"' in line]
        assert len([line for line in lines if "token_refused" in line]) == 1, lines
        assert not [line for line in lines if "exc_info" in line or "Traceback" in line]


async def test_a_forged_webhook_request_is_refused_and_a_replayed_one_changes_nothing(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, telegram="webhook") as made:
        await made.bear()
        street = street_of(made)
        await street.server.wait_until(lambda: street.server.calls["setWebhook"], WITHIN_S)
        token = street.say(street.walkers[0])
        await answered(made, street.walkers[0], token)
        event = street.bot.queue.repeat()
        forged: list[list[tuple[str, str]]] = [
            [],
            [(HEADER, "")],
            [(HEADER, "wrong")],
            [(HEADER, SECRET.upper())],
            [(HEADER, f"{SECRET}x")],
            [(HEADER, "sécret-\u00ff")],
            [(HEADER, SECRET), (HEADER, SECRET)],
            [("Authorization", SECRET)],
        ]
        async with aiohttp.ClientSession() as http:
            for headers in forged:
                async with http.post(f"{made.url}/telegram/main", data=event.encoded(), headers=headers) as response:
                    assert (response.status, await response.text()) == (401, ""), headers
            for _ in range(3):
                async with http.post(f"{made.url}/telegram/main", data=event.encoded(), headers=[(HEADER, SECRET)]) as response:
                    assert (response.status, await response.text()) == (200, "")
        await made.rest()
        clean(made)


@pytest.mark.parametrize("point", ["receiving.take:after", "channel.send:after"])
async def test_a_group_that_moves_while_nobody_lives_gets_its_answer_in_the_new_place(
    town: Town, tmp_path: Path, point: str
) -> None:
    async with scene(town, tmp_path, telegram="polling") as made:
        await made.bear(point)
        street, who = street_of(made), walker(made, "basic group")
        token = street.say(who)
        await made.dead()
        assert who.to is not None
        new = who.to.migrate()
        await made.bear()
        await answered(made, who, token)
        await answered(made, who, street.say(who))
        await made.rest()
        assert len(street.server.on_show(new.id)) == 2
        assert made.record().rows.keys() == {str(new.id)}

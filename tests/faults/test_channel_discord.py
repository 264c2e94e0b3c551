"""Faults of Discord, one by one, over the real adapter: gaps of every kind, and answers whose fate nobody heard."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.conversation import telling
from tests.discord_server import CREATE_MESSAGE, READ_MESSAGES, Channel, Fault
from tests.faults.receiving.discord_street import NONCE_WINDOW_S, DiscordStreet, Walker
from tests.faults.receiving.scene import WITHIN_S, Scene, scene
from tests.faults.town import Town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]


def street_of(made: Scene) -> DiscordStreet:
    assert made.discord is not None
    return made.discord


def place_of(who: Walker) -> Channel:
    assert who.place is not None
    return who.place


async def answered(made: Scene, who: Walker) -> None:
    """The last thing they said."""
    street, token = street_of(made), f"{who.name}.{who.said}"
    await street.server.wait_until(lambda: any(f"{token}:" in text for text in street.server.on_show(place_of(who))), WITHIN_S)


async def stored(made: Scene, *tokens: str) -> None:
    await made.until(
        lambda found: all(any(t.text.startswith(f"{one} ") for of in found.turns.values() for t in of) for one in tokens)
    )


async def end(made: Scene) -> None:
    """At rest, and nothing lost, twice or in another order."""
    await made.rest()
    verdict = made.verdict()
    assert verdict.clean, verdict.broken


def invalid(street: DiscordStreet) -> None:
    street.server.gateway.invalidate(street.bot)


def closed(street: DiscordStreet) -> None:
    street.server.gateway.close(4000, street.bot)


def forgotten(street: DiscordStreet) -> None:
    street.server.gateway.end_sessions(street.bot)
    street.server.gateway.kill(street.bot)


@pytest.mark.parametrize("break_off", [invalid, closed, forgotten])
async def test_what_is_said_while_the_gateway_is_away_is_answered_once_and_in_order(
    town: Town, tmp_path: Path, break_off: Callable[[DiscordStreet], None]
) -> None:
    async with scene(town, tmp_path, discord=True) as made:
        await made.bear()
        street, who = street_of(made), street_of(made).walkers[0]
        street.say(who)
        await answered(made, who)
        connects = street.server.gateway.connects
        street.server.gateway.refusing = True
        break_off(street)
        await street.server.wait_until(lambda: not street.server.gateway.connected(street.bot))
        for _ in range(3):
            street.say(who)
        street.server.gateway.refusing = False
        await answered(made, who)
        assert street.server.gateway.connects > connects
        await end(made)


async def between_two_lives(made: Scene, who: Walker) -> None:
    """Something is said while nobody listens; the next life is killed while it reads that, and hears more meanwhile."""
    street = street_of(made)
    street.say(who)
    await stored(made, f"{who.name}.1")
    await made.kill()
    street.say(who)
    street.server.fail_next(Fault.slow(1.0), *READ_MESSAGES)
    await made.bear("history:after")
    await street.server.wait_connected(street.bot)
    street.say(who)
    await made.dead()
    street.server.faults.clear()
    await made.bear()


async def test_a_life_killed_while_it_reads_a_gap_leaves_none(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, discord=True) as made:
        await made.bear()
        who = street_of(made).walkers[0]
        await between_two_lives(made, who)
        await stored(made, *[f"{who.name}.{number}" for number in (1, 2, 3)])
        await answered(made, who)
        await end(made)


async def test_a_cursor_that_live_messages_move_past_a_gap_is_seen_as_a_loss(town: Town, tmp_path: Path) -> None:
    """The same with the guarantee broken: the oracle can fail."""
    async with scene(town, tmp_path, discord=True, mutant="cursor_early") as made:
        await made.bear()
        who = street_of(made).walkers[0]
        await between_two_lives(made, who)
        await stored(made, f"{who.name}.3")
        await made.rest()
        assert made.verdict().broken["lost"] == [
            f"{who.name}.2 was accepted by the platform and is not stored in {place_of(who).id}"
        ]


async def sent_and_died(made: Scene, who: Walker) -> None:
    """A notice, which is one plain send, is sent by a life that is killed before it hears of it."""
    street = street_of(made)
    made.node.behaviour.fault = "silent"
    made.notice_after_s = 0.3
    await made.bear("channel.send:after")
    await street.server.wait_connected(street.bot)
    street.say(who)
    await made.dead()
    made.node.behaviour.fault = ""
    assert len(street.server.on_show(place_of(who))) == 2


@pytest.mark.parametrize("past_window", [False, True])
async def test_a_message_whose_sender_died_stands_once_inside_and_past_the_nonce_window(
    town: Town, tmp_path: Path, *, past_window: bool
) -> None:
    async with scene(town, tmp_path, discord=True) as made:
        street, who = street_of(made), street_of(made).walkers[0]
        await sent_and_died(made, who)
        if past_window:
            street.server.advance(NONCE_WINDOW_S)
            await asyncio.sleep(NONCE_WINDOW_S)  # by the clock of the lives, which is nobody's to move
        await made.bear()
        await answered(made, who)
        await end(made)
        assert street.server.times_shown(telling.WAITING) == 1


async def test_a_nonce_that_changes_is_seen_as_a_double(town: Town, tmp_path: Path) -> None:
    """The same with the guarantee broken: the oracle can fail."""
    async with scene(town, tmp_path, discord=True, mutant="random_nonce") as made:
        who = street_of(made).walkers[0]
        await sent_and_died(made, who)
        await made.bear()
        await answered(made, who)
        await made.rest()
        assert len(made.verdict().broken["duplicated"]) == 1


async def test_a_channel_that_is_deleted_under_an_answer_ends_it_and_nothing_else(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, discord=True) as made:
        await made.bear()
        street = street_of(made)
        other = street.walkers[0]
        threaded = next(one for one in street.walkers if one.place is None)
        street.say(threaded)
        await street.server.wait_until(lambda: threaded.begun in street.server.world.channels, WITHIN_S)
        await made.rest()
        gate = made.node.behaviour.gate = asyncio.Event()
        made.node.behaviour.gate_after = 4
        street.say(threaded)
        await stored(made, f"{threaded.name}.2")
        street.server.threads.remove(street.server.world.channels[threaded.begun], street.guild.owner_id, bot=None)
        gate.set()
        await made.rest()
        street.say(other)
        await answered(made, other)
        assert not made.process.dead.is_set()


async def test_a_user_who_takes_no_messages_mid_answer_is_left_alone(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, discord=True) as made:
        await made.bear()
        street = street_of(made)
        leaving, staying = street.walkers[:2]
        gate = made.node.behaviour.gate = asyncio.Event()
        street.say(leaving)
        await stored(made, f"{leaving.name}.1")
        leaving.person.close_dms(street.bot)
        gate.set()
        await made.rest()
        street.say(staying)
        await answered(made, staying)
        assert [row.state for row in made.record().rows[str(place_of(leaving).id)]] == ["failed"]


async def test_an_answer_dropped_after_it_was_accepted_stands_once(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, discord=True) as made:
        await made.bear()
        street, who = street_of(made), street_of(made).walkers[0]
        street.server.fail_next(Fault.dropped(), *CREATE_MESSAGE)
        street.say(who)
        await answered(made, who)
        await end(made)
        assert street.server.faults.met == 1
        assert len([text for text in street.server.on_show(place_of(who)) if "Answer" in text]) == 1


async def test_a_revoked_token_is_one_clear_line_and_telegram_goes_on(town: Town, tmp_path: Path) -> None:
    async with scene(town, tmp_path, telegram="polling", discord=True) as made:
        await made.bear()
        street, telegram = street_of(made), made.telegram
        assert telegram is not None
        street.server.gateway.revoke(street.bot)
        ann = telegram.walkers[0]
        token = telegram.say(ann)
        await telegram.server.wait_until(lambda: any(token in text for text in telegram.server.on_show(ann.person.id)), WITHIN_S)
        await made.until(lambda _: "token_refused" in made.log.read_text())
        lines = [line for line in made.log.read_text().splitlines() if '"error"' in line or '"warning"' in line]
        assert len([line for line in lines if "token_refused" in line]) == 1, lines
        assert not [line for line in lines if "Traceback" in line]


async def test_a_press_that_was_acknowledged_is_stored_even_if_the_life_ends_there(town: Town, tmp_path: Path) -> None:
    """Presses in a gap are lost, and the person sees that they failed; one that did not fail is on record."""
    async with scene(town, tmp_path, discord=True) as made:
        await made.bear()
        street, people = street_of(made), street_of(made).walkers[:4]
        for who in people:
            street.say(who)
            await answered(made, who)
        await made.rest()
        await made.kill()
        unheard = street.press(people[0])
        await made.bear()
        heard = [street.press(who) for who in people for _ in range(2)]
        await street.server.wait_until(lambda: all(one and one.responded for one in heard), WITHIN_S)
        await made.kill()
        assert made.record().controls == len(heard)
        street.server.advance(3)
        assert unheard is not None
        assert unheard.failed

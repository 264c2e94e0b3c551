"""Answers to interactions of the Discord stand-in: one in three seconds, a token for fifteen minutes."""

from dataclasses import replace
from typing import Any

import pytest

from tests.contract.discord_guild import EPHEMERAL, FREE, PLAIN, register, scene
from tests.discord_clients import raw
from tests.discord_server import Application, DiscordServer, Interaction, NotOffered, Permission, Person


async def gone(server: DiscordServer, **options: Any) -> tuple[Application, Person, Interaction]:
    bot, anna, place, _ = scene(server)
    assert (await register(server, bot, PLAIN))[0] == 200
    return bot, anna, anna.run(place, "go", bot=bot, **options)


async def answer(server: DiscordServer, one: Interaction, kind: int, **data: Any) -> tuple[int, int]:
    """(status, error code) of a callback."""
    async with raw(server, one.app) as asking:
        status, said = await asking.ask("POST", f"/interactions/{one.id}/{one.token}/callback", {"type": kind, "data": data})
        return status, (said or {}).get("code", 0)


async def hook(server: DiscordServer, one: Interaction, method: str, end: str = "", **data: Any) -> tuple[int, int]:
    async with raw(server, one.app) as asking:
        status, said = await asking.ask(method, f"/webhooks/{one.app.id}/{one.token}{end}", data or None)
        return status, (said or {}).get("code", 0)


async def test_a_second_answer_is_refused(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    assert await answer(server, one, 4, content="first") == (204, 0)
    assert await answer(server, one, 4, content="second") == (400, 40060)
    assert server.on_show(one.place) == ["first"]


async def test_an_answer_after_three_seconds_finds_no_interaction(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    server.advance(3)
    assert one.failed
    assert await answer(server, one, 4, content="late") == (404, 10062)
    assert await hook(server, one, "POST", content="late") == (404, 10015)
    (seen,) = server.seen(one.place)
    assert (seen.what, seen.text, seen.interaction) == ("failed", "The application did not respond", one.id)
    assert server.interactions.unanswered == 1


async def test_nobody_answering_fails_by_the_real_clock_too() -> None:
    async with DiscordServer(replace(FREE, respond_within=0.05)) as server:
        _, _, one = await gone(server)
        await server.wait_until(lambda: one.failed)


async def test_the_token_ends_after_fifteen_minutes(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    assert await hook(server, one, "POST", content="too early") == (404, 10015)
    await answer(server, one, 4, content="a")
    server.advance(899)
    assert await hook(server, one, "PATCH", "/messages/@original", content="b") == (200, 0)
    server.advance(2)
    assert await hook(server, one, "PATCH", "/messages/@original", content="c") == (401, 50027)
    assert await hook(server, one, "POST", content="d") == (401, 50027)
    assert server.on_show(one.place) == ["b"]


async def test_thinking_that_is_never_ended_fails(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    assert await answer(server, one, 5) == (204, 0)
    server.advance(100)
    assert one.state == "thinking"
    server.advance(801)
    assert one.failed


async def test_the_first_follow_up_of_a_deferral_is_its_edit(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    await answer(server, one, 5, flags=EPHEMERAL)
    assert await hook(server, one, "POST", content="hushed", flags=0) == (200, 0)
    assert (one.text, server.on_show(one.place), one.followups) == ("hushed", [], {})


async def test_follow_ups_can_be_read_edited_and_deleted(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    await answer(server, one, 4, content="a")
    await hook(server, one, "POST", content="b")
    (number,) = one.followups
    assert await hook(server, one, "GET", f"/messages/{number}") == (200, 0)
    assert await hook(server, one, "PATCH", f"/messages/{number}", content="c") == (200, 0)
    assert server.on_show(one.place) == ["a", "c"]
    assert await hook(server, one, "DELETE", f"/messages/{number}") == (204, 0)
    assert await hook(server, one, "DELETE", "/messages/@original") == (204, 0)
    assert await hook(server, one, "GET", "/messages/@original") == (404, 10008)
    assert server.on_show(one.place) == []


BAD_ANSWERS = [
    (4, {"content": ""}, 50006),
    (4, {"content": "x" * 2001}, 50035),
    (6, {}, 50035),  # only for components
    (7, {"content": "x"}, 50035),
    (8, {"choices": []}, 50035),  # only for autocompletion
    (9, {"custom_id": "m", "title": "t" * 46, "components": []}, 50035),
    (9, {"custom_id": "m", "title": "t", "components": []}, 50035),
    (99, {}, 50035),
]


@pytest.mark.parametrize(("kind", "data", "code"), BAD_ANSWERS)
async def test_an_answer_that_does_not_fit_is_refused(server: DiscordServer, kind: int, data: Any, code: int) -> None:
    _, _, one = await gone(server)
    assert await answer(server, one, kind, **data) == (400, code)
    assert one.state == "waiting"


async def test_an_answer_needs_no_permission_to_send_and_pings_users_only(server: DiscordServer) -> None:
    bot, anna, one = await gone(server)
    server.world.overwrite(one.place, bot, deny=Permission.SEND_MESSAGES)
    await answer(server, one, 4, content=f"@everyone {anna.mention}")
    pings = server.seen(one.place)[-1].pings
    assert not pings.everyone
    assert pings.users == {anna.id}


async def test_a_press_may_be_acknowledged_without_a_word(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    button = {"type": 2, "style": 1, "label": "Yes", "custom_id": "yes"}
    async with raw(server, bot) as asking:
        body = {"content": "sure?", "components": [{"type": 1, "components": [button]}]}
        await asking.ask("POST", f"/channels/{place.id}/messages", body)
    one = anna.press(place.messages[place.order[0]], "yes")
    assert await answer(server, one, 6) == (204, 0)
    assert await hook(server, one, "PATCH", "/messages/@original", content="done", components=[]) == (200, 0)
    assert server.on_show(place) == ["done"]
    assert [seen.what for seen in server.seen(place)] == ["sent", "acknowledged", "edited"]


async def test_a_disabled_button_cannot_be_pressed(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    button = {"type": 2, "style": 1, "label": "Yes", "custom_id": "yes", "disabled": True}
    async with raw(server, bot) as asking:
        body = {"content": "too late", "components": [{"type": 1, "components": [button]}]}
        await asking.ask("POST", f"/channels/{place.id}/messages", body)
    with pytest.raises(NotOffered):
        anna.press(place.messages[place.order[0]], "yes")

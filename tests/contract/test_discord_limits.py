"""Rates and scripted faults of the Discord stand-in, met by a real client and by canaries that keep asking."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import discord
import pytest

from tests.discord_clients import client_of, raw
from tests.discord_server import (
    CREATE_MESSAGE,
    EDIT_MESSAGE,
    Application,
    Channel,
    DiscordServer,
    Fault,
    Limits,
    Person,
    Rate,
)

QUICK = Limits.unlimited().rated(messages__create=Rate(3, 0.3))
TEXT = {"content": "x"}


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(QUICK) as made:
        yield made


def scene(server: DiscordServer) -> tuple[Application, Person, Channel, str]:
    """A bot, anna, their DM and the path of its messages."""
    bot, anna = server.application("token"), server.person("anna")
    dm = anna.dm(bot)
    return bot, anna, dm, f"/channels/{dm.id}/messages"


async def test_a_real_client_keeps_the_limits_it_is_told(server: DiscordServer) -> None:
    bot, anna, dm, _ = scene(server)
    async with client_of(server, bot) as client:
        channel = await client.create_dm(discord.Object(anna.id))
        await asyncio.gather(*(channel.send(f"{number}") for number in range(7)))
        assert len(server.on_show(dm)) == 7
        assert (server.broken_limits, server.invalid_answers, server.rates.limited) == (0, 0, 0)


async def test_the_headers_say_what_is_left(server: DiscordServer) -> None:
    bot, _, _, messages = scene(server)
    async with raw(server, bot) as asking:
        for left in ("2", "1", "0"):
            _, _, headers = await asking.whole("POST", messages, TEXT)
            assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("3", left)
            assert 0 < float(headers["X-RateLimit-Reset-After"]) <= 0.3
            assert headers["Content-Type"] == "application/json"
        status, said, headers = await asking.whole("POST", messages, TEXT)
        assert (status, said["global"], headers["X-RateLimit-Scope"], headers["Via"]) == (429, False, "user", "1.1 google")
        assert 0 < said["retry_after"] <= 0.3
        assert server.broken_limits == 0  # it could not have known
        await asking.ask("POST", messages, TEXT)
        assert server.broken_limits == 1  # now it could
        server.advance(0.31)
        assert (await asking.ask("POST", messages, TEXT))[0] == 200


async def test_another_channel_and_another_bot_have_their_own_bucket(server: DiscordServer) -> None:
    bot, _, _, messages = scene(server)
    other = server.person("bob").dm(bot)
    async with raw(server, bot) as asking:
        statuses = [(await asking.ask("POST", messages, TEXT))[0] for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert (await asking.ask("POST", f"/channels/{other.id}/messages", TEXT))[0] == 200


async def test_the_global_limit_counts_every_route_but_interactions() -> None:
    async with DiscordServer(replace(Limits.unlimited(), requests_a_second=3)) as server:
        bot, _, _, messages = scene(server)
        async with raw(server, bot) as asking:
            answers = [await asking.whole("GET", "/users/@me") for _ in range(4)]
            assert [status for status, _, _ in answers] == [200, 200, 200, 429]
            assert answers[-1][1]["global"] is True
            assert answers[-1][2]["X-RateLimit-Global"] == "true"
            assert (await asking.ask("POST", messages, TEXT))[0] == 429
            hooks = [await asking.ask("POST", f"/webhooks/{bot.id}/nothing", TEXT) for _ in range(4)]
            assert [status for status, _ in hooks] == [401] * 4  # its own error, never 429


async def test_too_many_invalid_answers_ban_the_address() -> None:
    async with DiscordServer(Limits.unlimited(invalid_answers=5)) as server:
        scene(server)
        async with raw(server, "nobody") as asking:
            for _ in range(5):
                assert (await asking.ask("GET", "/users/@me"))[0] == 401
            async with aiohttp.ClientSession() as session, session.get(server.api_base + "/users/@me") as answer:
                assert (answer.status, answer.headers.get("Via"), answer.content_type) == (429, None, "text/plain")
            assert (server.rates.bans, server.invalid_answers) == (1, 5)
            server.advance(601)
            for _ in range(4):
                assert (await asking.ask("GET", "/users/@me"))[0] == 401
            server.advance(601)  # the four are too long ago
            assert (await asking.ask("GET", "/users/@me"))[0] == 401
            assert not server.rates.banned


# faults


async def test_a_storm_of_429_is_waited_out_by_a_real_client(server: DiscordServer) -> None:
    bot, anna, dm, _ = scene(server)
    async with client_of(server, bot) as client:
        channel = await client.create_dm(discord.Object(anna.id))
        for scope in ("user", "shared", "global"):
            server.fail_next(Fault.limited(0.05, scope=scope), *CREATE_MESSAGE)
            await channel.send(scope)
        assert server.on_show(dm) == ["user", "shared", "global"]
        assert server.broken_limits == 0


async def test_a_storm_holds_for_everybody_who_asks(server: DiscordServer) -> None:
    bot, _, dm, messages = scene(server)
    other = server.person("bob").dm(bot)
    server.fail_next(Fault.limited(5), *CREATE_MESSAGE)
    async with raw(server, bot) as asking:
        assert [(await asking.ask("POST", messages, TEXT))[0] for _ in range(2)] == [429, 429]
        assert (await asking.ask("POST", f"/channels/{other.id}/messages", TEXT))[0] == 200
        server.fail_next(Fault.limited(5, scope="global"))
        assert (await asking.ask("GET", "/users/@me"))[0] == 429
        assert (await asking.ask("POST", f"/channels/{other.id}/messages", TEXT))[0] == 429
        server.advance(6)
        assert (await asking.ask("POST", messages, TEXT))[0] == 200
    assert server.broken_limits == 2
    assert len(server.on_show(dm)) == 1


async def test_a_shared_limit_is_no_invalid_answer(server: DiscordServer) -> None:
    bot, _, _, messages = scene(server)
    server.fail_next(Fault.limited(1, scope="shared"))
    async with raw(server, bot) as asking:
        assert (await asking.whole("POST", messages, TEXT))[2]["X-RateLimit-Scope"] == "shared"
    assert server.invalid_answers == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_error_has_no_effect_unless_it_was_accepted(server: DiscordServer, status: int) -> None:
    bot, _, dm, messages = scene(server)
    server.fail_next(Fault.error(status), *CREATE_MESSAGE)
    server.fail_next(Fault.error(status, accepted=True), *CREATE_MESSAGE)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {bot.token}"}) as session:
        for shown in ([], ["x"]):
            async with session.post(server.api_base + messages, json=TEXT) as answer:
                assert (answer.status, answer.content_type) == (status, "text/html")
            assert server.on_show(dm) == shown


async def test_what_is_dropped_after_accept_is_shown_and_its_nonce_finds_it_again(server: DiscordServer) -> None:
    bot, anna, dm, _ = scene(server)
    async with client_of(server, bot) as client:
        channel = await client.create_dm(discord.Object(anna.id))
        server.fail_next(Fault.dropped(), *CREATE_MESSAGE)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await channel.send("once", nonce="17")
        assert server.on_show(dm) == ["once"]
        again = await channel.send("once", nonce="17")
        assert (server.on_show(dm), again.id) == (["once"], dm.order[0])
        assert server.times_shown("once") == 1


async def test_a_reset_comes_before_the_effect(server: DiscordServer) -> None:
    bot, anna, dm, _ = scene(server)
    async with client_of(server, bot) as client:
        channel = await client.create_dm(discord.Object(anna.id))
        server.fail_next(Fault.reset(), *CREATE_MESSAGE)
        with pytest.raises(OSError, match="reset by peer"):
            await channel.send("never")
        assert server.on_show(dm) == []


async def test_a_hanging_call_has_no_effect_and_ends_with_the_server(server: DiscordServer) -> None:
    bot, _, dm, messages = scene(server)
    server.fail_next(Fault.hang())
    async with raw(server, bot) as asking:
        with pytest.raises(TimeoutError):
            await asking.ask("POST", messages, TEXT, timeout=aiohttp.ClientTimeout(total=0.1))
    assert server.on_show(dm) == []


async def test_a_garbled_answer_hides_an_effect(server: DiscordServer) -> None:
    bot, anna, dm, _ = scene(server)
    async with client_of(server, bot) as client:
        channel = await client.create_dm(discord.Object(anna.id))
        server.fail_next(Fault.garbled(), *CREATE_MESSAGE)
        with pytest.raises(json.JSONDecodeError):
            await channel.send("shown")
        assert server.on_show(dm) == ["shown"]


async def test_a_slow_answer_comes_late_and_the_effect_at_once(server: DiscordServer) -> None:
    bot, _, dm, messages = scene(server)
    server.fail_next(Fault.slow(0.2), *CREATE_MESSAGE)
    async with raw(server, bot) as asking:
        call = asyncio.create_task(asking.ask("POST", messages, TEXT))
        await server.wait_until(lambda: server.on_show(dm))
        assert not call.done()
        assert (await call)[0] == 200


async def test_a_script_chooses_by_method_and_route(server: DiscordServer) -> None:
    bot, _, _, messages = scene(server)
    asked: list[tuple[str, str]] = []

    def script(method: str, route: str) -> Fault | None:
        asked.append((method, route))
        return Fault.error(503) if (method, route) == EDIT_MESSAGE else None

    server.fault = script
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {bot.token}"}) as session:
        async with session.post(server.api_base + messages, json=TEXT) as answer:
            number = (await answer.json())["id"]
        async with session.patch(f"{server.api_base}{messages}/{number}", json=TEXT) as answer:
            assert answer.status == 503
    assert asked == [CREATE_MESSAGE, EDIT_MESSAGE]
    assert server.calls == {CREATE_MESSAGE: 1, EDIT_MESSAGE: 1}
    assert server.faults.met == 1

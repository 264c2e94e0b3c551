"""Messages of the Discord stand-in: their form, nonces, history, files, mentions; who breaks a rule gets the error."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.discord_clients import raw
from tests.discord_scene import FREE, Scene, opened, refused
from tests.discord_server import EVERYONE, DiscordServer, Limits, Permission, Rate

P = Permission


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with opened() as made:
        yield made


def row(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(buttons)}


def button(custom_id: str) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "Press", "custom_id": custom_id}


BAD_MESSAGES = [
    ({"content": "x" * 2001}, 50035),  # longer than 2000
    ({"content": ""}, 50006),  # empty
    ({"content": "  \n"}, 50006),  # nothing but white space
    ({"content": 5}, 50035),  # not a string
    ({"content": "x", "nonce": "n" * 26}, 50035),  # a nonce of 26
    ({"content": "x", "embeds": [{"title": "e"}] * 11}, 50035),  # eleven embeds
    ({"content": "x", "embeds": [{"title": "e" * 257}]}, 50035),
    ({"content": "x", "embeds": [{"description": "e" * 3001}] * 2}, 50035),  # 6002 characters in all
    ({"content": "x", "components": [row(button(str(n))) for n in range(6)]}, 50035),  # six rows
    ({"content": "x", "components": [row(*(button(str(n)) for n in range(6)))]}, 50035),  # six buttons in a row
    ({"content": "x", "components": [row(button("a" * 101))]}, 50035),  # custom_id of 101
    ({"content": "x", "components": [row(button(""))]}, 50035),  # no custom_id
    ({"content": "x", "components": [row(button("a")), row(button("a"))]}, 50035),  # twice the same
    ({"content": "x", "components": [row()]}, 50035),  # an empty row
    ({"content": "x", "components": [button("a")]}, 50035),  # a button without a row
    ({"content": "x", "components": [row({"type": 2, "style": 5, "label": "x", "custom_id": "a"})]}, 50035),  # link without url
    ({"content": "x", "message_reference": {"message_id": "1"}}, 50035),  # a reply to nothing
    ({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}, 50035),  # both at once
    ({"content": "x", "allowed_mentions": {"parse": ["all"]}}, 50035),
    ({"content": "x", "allowed_mentions": {"users": [str(n) for n in range(101)]}}, 50035),
]


@pytest.mark.parametrize(("body", "code"), BAD_MESSAGES, ids=lambda value: str(value)[:60])
async def test_a_message_that_breaks_the_form_is_refused_and_not_shown(scene: Scene, body: Any, code: int) -> None:
    status, said = await scene.post(body)
    assert (status, said["code"]) == (400, code)
    assert scene.server.on_show(scene.place) == []


async def test_a_good_message_is_shown_and_comes_back_whole(scene: Scene) -> None:
    body = {"content": "x" * 2000, "components": [row(*(button(f"{place}") for place in range(5)))], "nonce": "n" * 25}
    status, said = await scene.post(body)
    assert (status, said["content"], said["nonce"], said["author"]["id"]) == (200, "x" * 2000, "n" * 25, str(scene.bot.id))
    (seen,) = [one for one in scene.server.log if one.what == "sent"]
    assert (seen.buttons, seen.bot, seen.message_id) == (("0", "1", "2", "3", "4"), scene.bot.id, int(said["id"]))


async def test_a_message_without_a_reference_that_may_be_gone_is_sent_plain(scene: Scene) -> None:
    status, said = await scene.post({"content": "x", "message_reference": {"message_id": "1", "fail_if_not_exists": False}})
    assert (status, said["type"]) == (200, 0)


# nonces


async def test_the_same_nonce_returns_the_first_message_and_shows_nothing_new(scene: Scene) -> None:
    first = await scene.post({"content": "once", "nonce": "7", "enforce_nonce": True})
    again = await scene.post({"content": "twice", "nonce": "7", "enforce_nonce": True})
    assert again == first
    assert scene.server.on_show(scene.place) == ["once"]
    assert scene.server.posting.repeated_nonces == 1


async def test_a_nonce_is_forgotten_after_its_window_and_is_nothing_without_enforce(scene: Scene) -> None:
    await scene.post({"content": "a", "nonce": "7", "enforce_nonce": True})
    await scene.post({"content": "b", "nonce": "7"})
    scene.server.advance(FREE.nonce_window + 1)
    await scene.post({"content": "c", "nonce": "7", "enforce_nonce": True})
    assert scene.server.on_show(scene.place) == ["a", "b", "c"]


async def test_a_nonce_belongs_to_its_author(scene: Scene) -> None:
    other = scene.server.application("other")
    scene.server.world.invite(scene.guild, other)
    await scene.post({"content": "a", "nonce": "7", "enforce_nonce": True})
    async with raw(scene.server, other) as asking:
        await asking.ask("POST", scene.messages, {"content": "b", "nonce": "7", "enforce_nonce": True})
    assert scene.server.on_show(scene.place) == ["a", "b"]


async def test_a_nonce_of_a_message_deleted_since_is_an_unknown_message(scene: Scene) -> None:
    _, said = await scene.post({"content": "a", "nonce": "7", "enforce_nonce": True})
    await scene.raw.ask("DELETE", f"{scene.messages}/{said['id']}")
    assert refused(await scene.post({"content": "a", "nonce": "7", "enforce_nonce": True})) == (404, 10008)


# history


async def test_pages_of_history_are_newest_first_and_cut_at_the_cursors(scene: Scene) -> None:
    ids = [scene.anna.say(scene.place, str(number)).id for number in range(7)]

    async def texts(query: str) -> list[str]:
        _, said = await scene.raw.ask("GET", f"{scene.messages}?{query}")
        return [one["content"] for one in said]

    assert await texts("limit=3") == ["6", "5", "4"]
    assert await texts(f"after={ids[1]}&limit=2") == ["3", "2"]
    assert await texts(f"before={ids[3]}&limit=2") == ["2", "1"]
    assert await texts(f"around={ids[3]}&limit=3") == ["4", "3", "2"]
    for limit in ("0", "101"):
        assert refused(await scene.raw.ask("GET", f"{scene.messages}?limit={limit}")) == (400, 50035)


async def test_content_is_hidden_from_an_app_without_the_intent_except_where_it_is_meant(scene: Scene) -> None:
    blind = scene.server.application("blind", message_content=False)
    scene.server.world.invite(scene.guild, blind)
    scene.anna.say(scene.place, "secret", files=[("a.txt", b"x", "text/plain")])
    scene.anna.say(scene.place, f"{blind.mention} open")
    async with raw(scene.server, blind) as asking:
        await asking.ask("POST", scene.messages, {"content": "my own"})
        _, said = await asking.ask("GET", scene.messages)
    assert [(one["content"], len(one["attachments"])) for one in said] == [
        ("my own", 0),
        (f"{blind.mention} open", 0),
        ("", 0),
    ]


# files


async def test_a_file_is_kept_and_its_signed_address_ends(scene: Scene) -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", '{"content": "see", "attachments": [{"id": 0, "filename": "b.txt", "description": "d"}]}')
    form.add_field("files[0]", b"bytes", filename="a.txt", content_type="text/plain")
    _, said = await scene.raw.ask("POST", scene.messages, data=form)
    (attached,) = said["attachments"]
    assert (attached["filename"], attached["size"], attached["description"]) == ("b.txt", 5, "d")
    async with aiohttp.ClientSession() as session:
        async with session.get(attached["url"]) as answer:
            assert await answer.read() == b"bytes"
        scene.server.advance(FREE.attachment_life + 2)
        async with session.get(attached["url"]) as answer:
            assert answer.status == 404
        _, fresh = await scene.raw.ask("GET", f"{scene.messages}/{said['id']}")
        async with session.get(fresh["attachments"][0]["url"]) as answer:
            assert answer.status == 200


async def test_a_file_that_is_too_large_or_not_allowed_is_refused(scene: Scene) -> None:
    def form(size: int) -> aiohttp.FormData:
        made = aiohttp.FormData(quote_fields=False)
        made.add_field("payload_json", '{"content": "see"}')
        made.add_field("files[0]", b"x" * size, filename="a.txt")
        return made

    assert refused(await scene.raw.ask("POST", scene.messages, data=form(FREE.file_bytes + 1))) == (413, 40005)
    assert refused(await scene.raw.ask("POST", scene.messages, data=form(FREE.request_bytes + 1))) == (413, 40005)
    assert refused(await scene.post({"content": "x" * (FREE.request_bytes + 1)})) == (413, 40005)
    scene.server.world.overwrite(scene.place, scene.bot, deny=P.ATTACH_FILES)
    assert refused(await scene.raw.ask("POST", scene.messages, data=form(1))) == (403, 50013)


async def test_a_small_history_keeps_only_the_last_messages() -> None:
    async with DiscordServer(FREE, keep=3) as server:
        bot, anna = server.application("token"), server.person("anna")
        dm = anna.dm(bot)
        for number in range(5):
            anna.say(dm, str(number))
        assert server.on_show(dm) == ["2", "3", "4"]
        assert ([one.text for one in server.log], server.log.total) == (["2", "3", "4"], 5)
        assert [one.text for one in server.log.since(4)] == ["4"]


def test_the_everyone_role_of_a_new_guild_lets_people_talk() -> None:
    assert P.SEND_MESSAGES in EVERYONE
    assert P.MANAGE_MESSAGES not in EVERYONE
    assert Limits().rated(messages__create=Rate(1, 2.0)).buckets["messages.create"] == Rate(1, 2.0)

"""Canaries for the REST rules of the Discord stand-in: who breaks one gets the platform's error."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.discord_clients import Raw, raw
from tests.discord_server import EVERYONE, Application, Channel, DiscordServer, Guild, Limits, Permission, Person, Rate, Refusal

P = Permission
FREE = Limits.unlimited(file_bytes=100_000)


@dataclass
class Scene:
    server: DiscordServer
    bot: Application
    guild: Guild
    place: Channel
    anna: Person
    raw: Raw

    @property
    def messages(self) -> str:
        return f"/channels/{self.place.id}/messages"

    async def post(self, body: Any, place: Channel | None = None, **options: Any) -> tuple[int, Any]:
        return await self.raw.ask("POST", f"/channels/{(place or self.place).id}/messages", body, **options)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with DiscordServer(FREE) as server:
        bot = server.application("token")
        guild = server.world.guild("Shop")
        server.world.invite(guild, bot)
        anna = server.person("anna")
        anna.join(guild)
        async with raw(server, bot) as asking:
            yield Scene(server, bot, guild, server.world.text_channel(guild, "help"), anna, asking)


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
    ({"content": "x", "components": [row(button("a"))] * 6}, 50035),  # six rows
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


# who and where


def refused(answer: tuple[int, Any]) -> tuple[int, int]:
    return answer[0], answer[1]["code"]


async def test_an_unknown_or_revoked_token_is_401(scene: Scene) -> None:
    async with raw(scene.server, "nobody") as asking:
        assert refused(await asking.ask("GET", "/users/@me")) == (401, 0)
    scene.server.gateway.revoke(scene.bot)
    assert refused(await scene.post({"content": "x"})) == (401, 0)
    assert scene.server.invalid_answers == 2


async def test_what_is_not_there_is_404(scene: Scene) -> None:
    assert refused(await scene.raw.ask("GET", "/channels/1/messages")) == (404, 10003)
    assert refused(await scene.raw.ask("GET", f"{scene.messages}/1")) == (404, 10008)
    assert refused(await scene.raw.ask("PATCH", f"{scene.messages}/1", {"content": "x"})) == (404, 10008)
    assert refused(await scene.raw.ask("DELETE", f"{scene.messages}/1")) == (404, 10008)
    assert refused(await scene.raw.ask("POST", "/users/@me/channels", {"recipient_id": "1"})) == (404, 10013)
    assert refused(await scene.raw.ask("GET", "/guilds/1")) == (404, 10004)
    assert refused(await scene.raw.ask("GET", "/no/such/thing")) == (404, 0)
    assert (await scene.raw.ask("PUT", scene.messages))[0] == 405


DENIED = [
    (P.VIEW_CHANNEL, "POST", "", {"content": "x"}, 50001),
    (P.VIEW_CHANNEL, "GET", "", None, 50001),
    (P.SEND_MESSAGES, "POST", "", {"content": "x"}, 50013),
    (P.EMBED_LINKS, "POST", "", {"embeds": [{"title": "x"}]}, 50013),
    (P.READ_MESSAGE_HISTORY, "GET", "/{message}", None, 50013),
    (P.READ_MESSAGE_HISTORY, "POST", "", {"content": "x", "message_reference": {"message_id": "{message}"}}, 160002),
    (P.CREATE_PUBLIC_THREADS, "POST", "/{message}/threads", {"name": "x"}, 50013),
    (P(0), "DELETE", "/{message}", None, 50013),  # another's message, and never given MANAGE_MESSAGES
    (P(0), "PATCH", "/{message}", {"content": "x"}, 50005),  # another's message
]


@pytest.mark.parametrize(("denied", "method", "path", "body", "code"), DENIED)
async def test_a_missing_permission_is_named(
    scene: Scene, denied: Permission, method: str, path: str, body: Any, code: int
) -> None:
    message = scene.anna.say(scene.place, "mine")
    scene.server.world.overwrite(scene.place, scene.bot, deny=denied)
    if body and "message_reference" in body:
        body = body | {"message_reference": {"message_id": str(message.id)}}
    answer = await scene.raw.ask(method, scene.messages + path.format(message=message.id), body)
    assert refused(answer) == (403, code)


async def test_a_permission_given_by_role_or_overwrite_opens_the_way(scene: Scene) -> None:
    message = scene.anna.say(scene.place, "mine")
    scene.server.world.permit(scene.guild, scene.bot, P.MANAGE_MESSAGES)
    assert (await scene.raw.ask("DELETE", f"{scene.messages}/{message.id}"))[0] == 204
    scene.server.world.overwrite(scene.place, scene.guild, deny=P.SEND_MESSAGES)
    assert refused(await scene.post({"content": "x"})) == (403, 50013)
    scene.server.world.overwrite(scene.place, scene.bot, allow=P.SEND_MESSAGES)
    assert (await scene.post({"content": "x"}))[0] == 200
    with pytest.raises(Refusal, match="50013"):
        scene.anna.say(scene.place, "people too")


async def test_without_history_permission_the_history_is_empty(scene: Scene) -> None:
    scene.anna.say(scene.place, "before")
    scene.server.world.overwrite(scene.place, scene.bot, deny=P.READ_MESSAGE_HISTORY)
    assert await scene.raw.ask("GET", scene.messages) == (200, [])


async def test_a_bot_outside_the_guild_has_no_access(scene: Scene) -> None:
    scene.server.world.expel(scene.guild, scene.bot)
    assert refused(await scene.post({"content": "x"})) == (403, 50001)


async def test_a_closed_dm_refuses_and_an_open_one_takes(scene: Scene) -> None:
    _, dm = await scene.raw.ask("POST", "/users/@me/channels", {"recipient_id": str(scene.anna.id)})
    place = scene.server.world.channels[int(dm["id"])]
    assert (await scene.post({"content": "hello"}, place))[0] == 200
    scene.anna.close_dms(scene.bot)
    assert refused(await scene.post({"content": "hello"}, place)) == (403, 50007)
    scene.anna.open_dms(scene.bot)
    scene.anna.leave(scene.guild)
    assert refused(await scene.post({"content": "no common guild"}, place)) == (403, 50007)
    assert scene.server.on_show(place) == ["hello"]


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


# threads


async def test_a_thread_takes_its_message_once(scene: Scene) -> None:
    message = scene.anna.say(scene.place, "topic")
    path = f"{scene.messages}/{message.id}/threads"
    _, thread = await scene.raw.ask("POST", path, {"name": "about it"})
    assert thread["id"] == str(message.id)
    assert refused(await scene.raw.ask("POST", path, {"name": "again"})) == (400, 160004)
    assert refused(await scene.raw.ask("POST", path, {"name": "x" * 101})) == (400, 160004)
    other = scene.anna.say(scene.place, "other")
    assert refused(await scene.raw.ask("POST", f"{scene.messages}/{other.id}/threads", {"name": "x" * 101})) == (400, 50035)


async def test_an_archived_thread_refuses_edits_and_wakes_for_a_message(scene: Scene) -> None:
    thread = scene.anna.start_thread("order", place=scene.place)
    _, said = await scene.post({"content": "a"}, thread)
    scene.anna.change_thread(thread, archived=True)
    path = f"/channels/{thread.id}/messages/{said['id']}"
    assert refused(await scene.raw.ask("PATCH", path, {"content": "b"})) == (400, 50083)
    assert (await scene.post({"content": "c"}, thread))[0] == 200
    assert not thread.archived
    assert [one.what for one in scene.server.seen(thread)] == ["thread", "sent", "archived", "unarchived", "sent"]


async def test_a_locked_thread_is_for_moderators(scene: Scene) -> None:
    thread = scene.anna.start_thread("order", place=scene.place)
    staff = scene.server.world.role(scene.guild, "staff", permissions=P.MANAGE_THREADS)
    boss = scene.server.person("boss")
    boss.join(scene.guild, staff)
    boss.change_thread(thread, locked=True)
    assert refused(await scene.post({"content": "x"}, thread)) == (400, 160005)
    boss.change_thread(thread, archived=True)
    assert refused(await scene.post({"content": "x"}, thread)) == (400, 50083)
    assert refused(await scene.raw.ask("PATCH", f"/channels/{thread.id}", {"archived": False})) == (403, 50013)
    scene.server.world.permit(scene.guild, scene.bot, P.MANAGE_THREADS)
    assert (await scene.raw.ask("PATCH", f"/channels/{thread.id}", {"archived": False}))[0] == 200
    assert (await scene.post({"content": "x"}, thread))[0] == 200


async def test_a_thread_needs_its_own_permission_to_speak(scene: Scene) -> None:
    thread = scene.anna.start_thread("order", place=scene.place)
    scene.server.world.overwrite(scene.place, scene.bot, deny=P.SEND_MESSAGES_IN_THREADS)
    assert (await scene.post({"content": "x"}))[0] == 200
    assert refused(await scene.post({"content": "x"}, thread)) == (403, 50013)


async def test_a_private_thread_is_unknown_to_who_is_not_in_it(scene: Scene) -> None:
    thread = scene.anna.start_thread("quiet", place=scene.place, private=True)
    assert refused(await scene.post({"content": "x"}, thread)) == (403, 50001)


async def test_a_deleted_thread_is_gone(scene: Scene) -> None:
    thread = scene.anna.start_thread("order", place=scene.place)
    assert refused(await scene.raw.ask("DELETE", f"/channels/{thread.id}")) == (403, 50013)
    scene.server.world.permit(scene.guild, scene.bot, P.MANAGE_THREADS)
    assert (await scene.raw.ask("DELETE", f"/channels/{thread.id}"))[0] == 200
    assert refused(await scene.post({"content": "x"}, thread)) == (404, 10003)


async def test_a_forum_takes_posts_and_no_messages(scene: Scene) -> None:
    forum = scene.server.world.forum(scene.guild, "tickets", tags=("open",))
    assert refused(await scene.post({"content": "x"}, forum)) == (400, 40058)
    body = {"name": "Ticket 1", "message": {"content": "It broke."}, "applied_tags": [forum.tags[0]["id"]]}
    _, said = await scene.raw.ask("POST", f"/channels/{forum.id}/threads", body)
    assert (said["id"], said["message"]["content"]) == (said["message"]["id"], "It broke.")
    assert refused(await scene.raw.ask("POST", f"/channels/{forum.id}/threads", {"name": "x", "message": {}})) == (400, 50006)
    assert refused(await scene.raw.ask("POST", f"/channels/{forum.id}/threads", body | {"applied_tags": ["1"]})) == (404, 10087)


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
    scene.server.world.overwrite(scene.place, scene.bot, deny=P.ATTACH_FILES)
    assert refused(await scene.raw.ask("POST", scene.messages, data=form(1))) == (403, 50013)


# mentions

EVERYBODY, ROLE, ANNA = "@everyone", "<@&{role}>", "<@{anna}>"
MENTIONS: list[tuple[dict[str, list[str]] | None, tuple[bool, bool, bool]]] = [
    (None, (True, True, True)),  # by default everything pings
    ({"parse": []}, (False, False, False)),
    ({"parse": ["users"]}, (False, False, True)),
    ({"roles": ["{role}"], "users": []}, (False, True, False)),
    ({"parse": ["everyone"], "users": ["{anna}"]}, (True, False, True)),
    ({"users": ["1"]}, (False, False, False)),  # not in the text
]


@pytest.mark.parametrize(("rule", "pinged"), MENTIONS)
async def test_the_log_says_who_was_really_pinged(scene: Scene, rule: Any, pinged: tuple[bool, bool, bool]) -> None:
    role = scene.server.world.role(scene.guild, "staff", mentionable=True)
    scene.server.world.permit(scene.guild, scene.bot, P.MENTION_EVERYONE)
    names = {"{role}": str(role.id), "{anna}": str(scene.anna.id)}
    if rule is not None:
        rule = {key: [names.get(each, each) for each in value] for key, value in rule.items()}
    body = {"content": f"@everyone <@&{role.id}> <@{scene.anna.id}> <@99>"} | ({"allowed_mentions": rule} if rule else {})
    await scene.post(body)
    pings = scene.server.seen(scene.place)[-1].pings
    assert (pings.everyone, role.id in pings.roles, scene.anna.id in pings.users) == pinged


async def test_without_permission_everyone_and_closed_roles_are_not_pinged(scene: Scene) -> None:
    role = scene.server.world.role(scene.guild, "staff")
    await scene.post({"content": f"@everyone <@&{role.id}>"})
    assert not scene.server.seen(scene.place)[-1].pings


async def test_a_reply_pings_its_author_unless_told_otherwise(scene: Scene) -> None:
    message = scene.anna.say(scene.place, "question")
    reply = {"content": "answer", "message_reference": {"message_id": str(message.id)}}
    await scene.post(reply)
    await scene.post(reply | {"allowed_mentions": {"parse": []}})
    await scene.post(reply | {"allowed_mentions": {"parse": [], "replied_user": True}})
    said = scene.server.seen(scene.place)[1:]
    assert [bool(one.pings) for one in said] == [True, False, True]
    assert {one.reply_to for one in said} == {message.id}


async def test_an_edit_is_shown_and_pings_nobody(scene: Scene) -> None:
    _, said = await scene.post({"content": "soon"})
    status, edited = await scene.raw.ask("PATCH", f"{scene.messages}/{said['id']}", {"content": f"now {scene.anna.mention}"})
    assert (status, edited["mentions"][0]["id"]) == (200, str(scene.anna.id))
    assert edited["edited_timestamp"] is not None
    seen = scene.server.seen(scene.place)[-1]
    assert (seen.what, seen.text, bool(seen.pings)) == ("edited", f"now {scene.anna.mention}", False)


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

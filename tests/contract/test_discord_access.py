"""Who may do what where in the Discord stand-in: tokens, permissions, DMs, threads and forums."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.discord_clients import raw
from tests.discord_scene import Scene, opened, refused
from tests.discord_server import Permission, Refusal

P = Permission


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with opened() as made:
        yield made


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


async def test_a_role_may_open_a_channel_that_is_closed_to_everyone(scene: Scene) -> None:
    world = scene.server.world
    staff, boss = world.role(scene.guild, "staff"), scene.server.person("boss")
    boss.join(scene.guild, staff)
    world.overwrite(scene.place, scene.guild, deny=P.VIEW_CHANNEL)
    world.overwrite(scene.place, staff, allow=P.VIEW_CHANNEL)
    boss.say(scene.place, "among us")
    with pytest.raises(Refusal, match="50001"):
        scene.anna.say(scene.place, "let me in")
    world.overwrite(scene.place, staff, allow=P.VIEW_CHANNEL, deny=P.SEND_MESSAGES)
    with pytest.raises(Refusal, match="50013"):
        boss.say(scene.place, "and yet")


async def test_people_delete_their_own_messages_and_moderators_all(scene: Scene) -> None:
    staff = scene.server.world.role(scene.guild, "staff", permissions=P.MANAGE_MESSAGES)
    boss, bob = scene.server.person("boss"), scene.server.person("bob")
    boss.join(scene.guild, staff)
    bob.join(scene.guild)
    first, second = scene.anna.say(scene.place, "a"), scene.anna.say(scene.place, "b")
    with pytest.raises(Refusal, match="50013"):
        bob.delete(first)
    with pytest.raises(Refusal, match="50005"):
        bob.edit(first, "c")
    scene.anna.delete(first)
    boss.delete(second)
    assert scene.server.on_show(scene.place) == []


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
    scene.server.world.permit(scene.guild, scene.bot, P.MANAGE_THREADS)
    assert refused(await scene.raw.ask("PATCH", f"/channels/{thread.id}", {"name": "other"})) == (400, 50083)
    assert refused(await scene.raw.ask("PUT", f"/channels/{thread.id}/thread-members/@me")) == (400, 50083)
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

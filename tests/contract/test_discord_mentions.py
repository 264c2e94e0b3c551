"""Who a message of the Discord stand-in really pings."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.discord_scene import Scene, opened
from tests.discord_server import Permission

P = Permission


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with opened() as made:
        yield made


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

"""Roles and one-time codes, on every store."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.events import Acted, Author, CommandGiven, MessageReceived
from bot.roles import Role
from bot.store import audit, codes, people
from bot.store.ids import CustomerId
from bot.store.tables import identity, one_time_code
from bot.store.times import from_now
from tests.contract.channel_desk import ANN, BOB, NOW, ROOM, Desk, open_desk
from tests.contract.stores import KINDS


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_desk(request.param, request) as made:
        yield made


async def start(desk: Desk, code: str, author: Author = ANN) -> str:
    """What is told to whoever writes `/start CODE`."""
    there, before = replace(ROOM, chat_id=author.user_id), Counter(await desk.told())
    assert isinstance(await desk.receive(MessageReceived(there, author, f"/start {code}", NOW, private=True)), Acted)
    (said,) = Counter(await desk.told()) - before
    return said


async def person(desk: Desk, author: Author = ANN) -> CustomerId:
    found = await desk.store.read(people.find, desk.ref.workspace_id, "telegram", "main", author.user_id)
    assert found is not None
    return found


async def role(desk: Desk, author: Author = ANN) -> Role:
    return await desk.store.read(people.role, desk.ref.workspace_id, await person(desk, author))


async def code(desk: Desk, gives: Role, *, first_owner: bool = False) -> str:
    return await desk.store.write(lambda c: codes.make(c, desk.ref.workspace_id, gives, first_owner=first_owner))


async def test_the_first_owner_is_whoever_redeems_the_code_of_the_start(desk: Desk) -> None:
    first, second = await code(desk, Role.OWNER, first_owner=True), await code(desk, Role.OWNER, first_owner=True)
    assert await start(desk, first) == "Welcome!", "the one printed last counts"
    assert await start(desk, second) == "You are owner of Shop from now on."
    assert await role(desk) is Role.OWNER
    late = await code(desk, Role.OWNER, first_owner=True)
    assert await start(desk, late, BOB) == "Welcome!", "there is an owner now"
    assert await role(desk, BOB) is Role.CUSTOMER


async def test_a_code_is_taken_only_where_nobody_else_reads_along(desk: Desk) -> None:
    made = await code(desk, Role.OWNER)
    await desk.receive(MessageReceived(ROOM, ANN, f"/start {made}", NOW))
    assert await role(desk) is Role.CUSTOMER
    anonymous = Author(ROOM.chat_id)  # each administrator of a group who hides writes as the group
    await desk.receive(MessageReceived(ROOM, anonymous, f"/start {made}", NOW))
    assert await role(desk, anonymous) is Role.CUSTOMER
    await desk.receive(CommandGiven(ROOM, ANN, "start", NOW, arguments=(("code", made),)))
    assert await role(desk) is Role.CUSTOMER
    await desk.receive(CommandGiven(ROOM, ANN, "start", NOW, arguments=(("code", made),), private=True))
    assert await role(desk) is Role.OWNER


@pytest.mark.parametrize(
    "typed", [str.lower, lambda made: made.replace("-", ""), lambda made: made.replace("0", "o").replace("1", "l")]
)
async def test_a_code_is_read_as_people_type_it(desk: Desk, typed: object) -> None:
    made = await code(desk, Role.AGENT)
    assert await start(desk, typed(made)) == "You are agent of Shop from now on."  # type: ignore[operator]


async def test_a_code_works_once_and_for_a_day(desk: Desk) -> None:
    made, late = await code(desk, Role.AGENT), await code(desk, Role.AGENT)
    await start(desk, made)
    assert await start(desk, made, BOB) == "Welcome!"
    await desk.store.write(lambda c: c.execute(sa.update(one_time_code).values(expires_at=from_now(-1))))
    assert await start(desk, late, BOB) == "Welcome!"
    assert await role(desk, BOB) is Role.CUSTOMER


async def test_what_is_no_code_is_greeted_like_nothing_and_tells_nothing(desk: Desk) -> None:
    await code(desk, Role.OWNER, first_owner=True)
    for word in ("ref-17", "AAAA-AAAA-AAAA-AAAA", "🙂", "';--"):
        assert await start(desk, word) == "Welcome!"
    assert await role(desk) is Role.CUSTOMER


async def test_a_lower_code_takes_nothing_away(desk: Desk) -> None:
    await start(desk, await code(desk, Role.ADMIN))
    assert await start(desk, await code(desk, Role.AGENT)) == "You are admin of Shop from now on."
    assert await role(desk) is Role.ADMIN


async def test_codes_are_stored_as_their_hashes_and_old_ones_go(desk: Desk) -> None:
    made = await code(desk, Role.AGENT)
    rows = await desk.rows(one_time_code.c.code_hash)
    assert len(rows) == 1
    assert made not in str(rows)
    await desk.store.write(lambda c: c.execute(sa.update(one_time_code).values(expires_at=from_now(-1))))
    await code(desk, Role.AGENT)
    assert len(await desk.rows(one_time_code.c.code_hash)) == 1


async def test_a_role_is_granted_changed_and_taken(desk: Desk) -> None:
    await desk.say("hi")
    ann, workspace_id = await person(desk), desk.ref.workspace_id
    assert await desk.store.write(people.grant, workspace_id, ann, Role.AGENT) is Role.CUSTOMER
    assert await desk.store.write(people.grant, workspace_id, ann, Role.SUPERVISOR) is Role.AGENT
    assert await role(desk) is Role.SUPERVISOR
    assert await desk.store.write(people.grant, workspace_id, ann, Role.CUSTOMER) is Role.SUPERVISOR
    assert await desk.store.read(people.members, workspace_id) == []


async def test_the_last_owner_stays(desk: Desk) -> None:
    await start(desk, await code(desk, Role.OWNER))
    ann, workspace_id = await person(desk), desk.ref.workspace_id
    with pytest.raises(people.LastOwner):
        await desk.store.write(people.grant, workspace_id, ann, Role.ADMIN)
    await start(desk, await code(desk, Role.OWNER), BOB)
    await desk.store.write(people.grant, workspace_id, ann, Role.ADMIN)
    assert [(one.name, one.role, one.identity) for one in await desk.store.read(people.members, workspace_id)] == [
        ("Bob", Role.OWNER, "telegram:main:bob"),
        ("Ann", Role.ADMIN, "telegram:main:ann"),
    ]


async def test_a_role_in_one_workspace_is_none_in_another(desk: Desk) -> None:
    made = await code(desk, Role.OWNER)
    assert await desk.store.write(lambda c: codes.redeem(c, "0" * 32, made)) is None  # type: ignore[arg-type]
    assert await desk.store.write(lambda c: codes.redeem(c, desk.ref.workspace_id, made)) is Role.OWNER


async def test_each_grant_by_a_code_is_on_record(desk: Desk) -> None:
    await start(desk, await code(desk, Role.AGENT))
    (deed,) = await desk.store.read(audit.newest, desk.ref.workspace_id, 9)
    ann = await person(desk)
    assert (deed.actor, deed.action, deed.subject, deed.detail) == (ann, "role.redeemed", ann, "agent, is agent")


async def test_whoever_redeems_a_code_first_writes_nothing_before(desk: Desk) -> None:
    """A person who was never seen gets their identity in the same unit."""
    assert await desk.rows(identity.c.user_id) == []
    await start(desk, await code(desk, Role.AGENT))
    assert await role(desk) is Role.AGENT

"""Changes of LoRA at several engines: made at each, and told to whoever was away before it is asked anything."""

import asyncio
import json

from serving.engine.gate import Scope
from serving.engine.loras import LOAD, UNLOAD
from serving.fleet.changes import Changes, Reply
from serving.fleet.members import Member, Members
from tests.serving_rig import Told, running

LACKS = b'{"error": {"message": "a is not loaded", "type": "not_loaded"}}'


class Engines:
    """What each engine was told, by its URL, and what it answers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, object]]] = []
        self.answers: dict[str, Reply] = {}
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def whole(self, base: str, scope: Scope, body: bytes, within_s: float) -> Reply:
        self.told.append((base, scope["path"], json.loads(body)))
        self.asked.set()
        await self.may_answer.wait()
        return self.answers.get(base, (200, b'{"lora_name": "a", "version": 3}'))


class Scene:
    def __init__(self) -> None:
        self.members, self.engines, self.report = Members(), Engines(), Told()
        self.changes = Changes(self.members, self.engines, "Bearer k", self.report)

    def member(self, name: str, *, up: bool = True) -> Member:
        member = self.members.join(name)
        if up:
            member.found_at(name)
        return member

    async def change(self, path: str, **body: object) -> Reply:
        return await self.changes.everywhere({"path": path}, json.dumps({"lora_name": "a", **body}).encode())

    async def changed_without(self, name: str) -> Member:
        """An engine that was away at a change; from now on engines are asked and do not answer yet."""
        self.member("x")
        late = self.member(name, up=False)
        await self.change(LOAD)
        self.engines.asked.clear()
        self.engines.may_answer.clear()
        return late


async def serves(member: Member) -> None:
    async with asyncio.timeout(5):
        while not member.serves:
            await asyncio.sleep(0)


async def test_an_unloading_reaches_those_behind_one_that_has_nothing_to_unload() -> None:
    scene = Scene()
    for name in "xyz":
        scene.member(name)
    scene.engines.answers = {"x": (409, LACKS), "z": (409, LACKS)}
    status, _ = await scene.change(UNLOAD)
    assert status == 200
    assert [base for base, _, _ in scene.engines.told] == ["x", "y", "z"]


async def test_what_nobody_has_is_said_to_be_not_loaded() -> None:
    scene = Scene()
    scene.member("x")
    scene.engines.answers = {"x": (409, LACKS)}
    assert await scene.change(UNLOAD) == (409, LACKS)


async def test_a_refusal_is_told_and_ends_the_change() -> None:
    scene = Scene()
    scene.member("x"), scene.member("y")
    scene.engines.answers = {"x": (409, b'{"error": {"message": "no", "type": "refused"}}')}
    assert (await scene.change(LOAD))[0] == 409
    assert len(scene.engines.told) == 1


async def test_an_engine_that_was_away_hears_of_the_change_before_it_serves() -> None:
    scene = Scene()
    late = await scene.changed_without("y")
    async with running(scene.changes.catch_up()):
        late.found_at("y")
        assert not late.serves
        await asyncio.wait_for(scene.engines.asked.wait(), 5)
        assert not late.serves
        scene.engines.may_answer.set()
        await serves(late)
    assert scene.engines.told[-1] == ("y", LOAD, {"lora_name": "a", "version": 3})


async def test_an_engine_that_comes_in_the_middle_of_the_first_change_hears_of_it() -> None:
    scene = Scene()
    scene.member("x")
    late = scene.member("y", up=False)
    scene.engines.may_answer.clear()
    async with running(scene.changes.catch_up()):
        changing = asyncio.create_task(scene.change(LOAD))
        await asyncio.wait_for(scene.engines.asked.wait(), 5)
        late.found_at("y")
        assert not late.serves
        scene.engines.may_answer.set()
        await changing
        await serves(late)
    assert [base for base, _, _ in scene.engines.told] == ["x", "y"]


async def test_an_engine_that_came_again_meanwhile_is_told_again() -> None:
    scene = Scene()
    late = await scene.changed_without("y")
    async with running(scene.changes.catch_up()):
        late.found_at("y")
        await asyncio.wait_for(scene.engines.asked.wait(), 5)
        late.down()
        late.found_at("y")
        scene.engines.may_answer.set()
        await serves(late)
    assert [base for base, _, _ in scene.engines.told] == ["x", "y", "y"]


async def test_an_engine_that_does_not_follow_serves_and_the_operator_is_told() -> None:
    scene = Scene()
    scene.member("x")
    late = scene.member("y", up=False)
    await scene.change(LOAD)
    scene.engines.answers = {"y": (409, b'{"error": {"message": "no room", "type": "refused"}}')}
    async with running(scene.changes.catch_up()):
        late.found_at("y")
        await serves(late)
    assert scene.report.lines == ["serving: y does not follow the last change of LoRA a: no room"]


async def test_engines_serve_at_once_where_nothing_was_changed() -> None:
    assert Scene().member("x").serves

"""The whole path on a push account: heard, claimed, previewed, stored, delivered as an edit of its preview."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.commands.menu import all_commands
from bot.conversation.contents import Contents
from bot.conversation.counters import NoCounters
from bot.conversation.fetching import Fetching
from bot.conversation.fitting import Fitting
from bot.conversation.intake import StoredIntake
from bot.conversation.manager import Manager, Voice
from bot.delivery.limits import PreviewLimits
from bot.delivery.preview import PullPreviews, RoutedPreviews
from bot.delivery.splitting import split
from bot.events import AccountKey, Author, ChannelAddress, FreshStartRequested, MessageReceived, Received, StopRequested
from bot.generation.client import Deadlines, GenerationClient
from bot.generation.node import Node
from bot.generation.tide import Tide
from bot.store import parties, workspaces
from bot.store.memory import MemoryStore
from bot.worker import Worker
from tests.delivery_scene import Running, Scene, Tallied, running
from tests.house import NoFiles
from tests.push_double import DISCORD, PushDouble
from tests.scripted_node import ScriptedNode

MAIN = AccountKey("telegram", "main")
ROOM = ChannelAddress("telegram", "main", "room")
BRISK = replace(DISCORD, chat_rate=200.0, chat_burst=400, account_rate=2000.0, account_burst=4000)


@dataclass
class Push:
    scene: Scene
    process: Running
    node: ScriptedNode
    intake: StoredIntake
    heard: int = 0

    async def hear(self, event) -> None:
        self.heard += 1
        await self.intake.receive([Received(MAIN, f"k{self.heard}", str(event).encode(), event)])

    async def say(self, text: str) -> None:
        await self.hear(MessageReceived(ROOM, Author("ann"), text, datetime.now(UTC)))

    async def shows(self, *texts: str) -> None:
        """Wait until the chat shows exactly these messages."""
        async with asyncio.timeout(10):
            while self.scene.double.on_show("room") != list(texts):
                await asyncio.sleep(0.005)


@asynccontextmanager
async def open_push() -> AsyncIterator[Push]:
    store, node = MemoryStore(), ScriptedNode()
    client = GenerationClient(await node.start(), "scripted", "", Deadlines(5, 5, 20))
    workspace_id = await store.write(workspaces.seed, "Shop", "UTC", "", "You help.")
    ref = await store.write(parties.ensure_account, workspace_id, "telegram", "main", push=True)
    scene = Scene(store, PushDouble(lambda _: BRISK), ref, {}, Tallied())
    scene.double.latency = lambda: 0.002
    async with running(scene, preview_limits=PreviewLimits(grace_s=0.0, interval_s=0.01)) as process:
        profile, tide = Node(client, "auto"), Tide(NoCounters())
        fitting = Fitting(store, profile, history_tokens=0, max_tokens=256)
        manager = Manager(
            store,
            client,
            profile,
            tide,
            fitting,
            Contents(store, {ref.account_id: ref}),
            Fetching(store, NoFiles(), NoCounters()),
            RoutedPreviews(PullPreviews(), {ref.account_id: process.previews}),
            Voice(0.0, 0.0),
            lambda purpose, text: f"{purpose}{text}".encode().hex()[:64],
            lambda where, text: split(text, len, scene.double.habits(where).max_text),
            NoCounters(),
        )
        worker = Worker(store, manager, NoCounters(), lambda: [ref.route], tide, lease_s=10, interruptible=True, drain_s=1)
        stopping = asyncio.Event()
        working = asyncio.create_task(worker.run(stopping))
        yield Push(scene, process, node, StoredIntake(store, {MAIN: ref}, all_commands(), NoCounters(), debounce_s=0.0))
        stopping.set()
        await working
        await client.close()
        await node.stop()
    await store.close()


async def test_an_answer_grows_in_the_message_that_becomes_it() -> None:
    async with open_push() as push:
        push.node.behaviour.gate, push.node.behaviour.gate_after = asyncio.Event(), 3
        await push.say("hello there you")
        await push.shows("You said: hello")
        push.node.behaviour.gate.set()
        await push.shows("You said: hello there you")
        await push.scene.until_settled(10)
        assert await push.scene.states() == ["sent"]


async def test_a_long_answer_arrives_in_parts_and_in_order() -> None:
    async with open_push() as push:
        push.node.behaviour.script = lambda _: "\n\n".join(letter * 1500 for letter in "abc")
        await push.say("tell me")
        await push.shows("a" * 1500, "b" * 1500, "c" * 1500)


async def test_a_message_during_an_answer_goes_on_in_the_same_preview() -> None:
    async with open_push() as push:
        push.node.behaviour.gate, push.node.behaviour.gate_after = asyncio.Event(), 3
        await push.say("one two three")
        await push.shows("You said: one")
        await push.say("four")
        async with asyncio.timeout(10):
            while len(push.node.prompts) < 2:
                await asyncio.sleep(0.005)
        push.node.behaviour.gate.set()
        async with asyncio.timeout(10):
            while not push.scene.double.on_show("room")[0].endswith("four"):
                await asyncio.sleep(0.005)
        await push.scene.until_settled(10)
        assert len(push.scene.double.on_show("room")) == 1


async def test_a_stop_keeps_what_was_shown() -> None:
    async with open_push() as push:
        push.node.behaviour.gate, push.node.behaviour.gate_after = asyncio.Event(), 3
        await push.say("one two three")
        await push.shows("You said: one")
        await push.hear(StopRequested(ROOM, Author("ann"), datetime.now(UTC)))
        async with asyncio.timeout(10):
            while await push.scene.states() != ["sent"]:
                await asyncio.sleep(0.005)
        assert push.scene.double.on_show("room") == ["You said: one"]


async def test_a_new_conversation_takes_the_unfinished_answer_away() -> None:
    async with open_push() as push:
        push.node.behaviour.gate, push.node.behaviour.gate_after = asyncio.Event(), 3
        await push.say("one two three")
        await push.shows("You said: one")
        await push.hear(FreshStartRequested(ROOM, Author("ann"), datetime.now(UTC)))
        await push.shows()
        push.node.behaviour.gate.set()
        await push.say("fresh")
        await push.shows("You said: fresh")

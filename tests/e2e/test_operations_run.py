"""`frontdesk run` as an operator meets it: start, answer, drain, kill, a second start, a taken port, wrong settings."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.instance import PATIENCE_S, Customer, running
from tests.scripted_node import ScriptedNode


@pytest.fixture
async def node() -> AsyncIterator[ScriptedNode]:
    made = ScriptedNode()
    made.url = await made.start()  # type: ignore[attr-defined]
    yield made
    await made.stop()


@pytest.fixture
def config(tmp_path: Path, node: ScriptedNode) -> Path:
    file = tmp_path / "shop.toml"
    file.write_text(f"[generation]\nurl = '{node.url}'\nmodel = 'scripted'\n[web]\nport = 0\nprivate_port = 0\n")  # type: ignore[attr-defined]
    return file


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def test_it_answers_and_drains_while_an_event_stream_is_open(config: Path, client: aiohttp.ClientSession) -> None:
    async with running(config) as instance:
        customer = Customer(client, await instance.ready())
        await customer.arrive()
        await customer.say("m1", "hello")
        await customer.until_answered("You said: hello")
        async with customer.events() as stream:
            await stream.content.readline()
            instance.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                await stream.content.read()  # ends in order, else aiohttp raises
        assert await instance.ended() == 0
        errors = await instance.errors()
    assert [json.loads(line)["event"] for line in errors.splitlines()] == ["stopping"]


async def test_an_answer_under_way_is_finished_before_it_ends(
    config: Path, client: aiohttp.ClientSession, node: ScriptedNode
) -> None:
    node.behaviour.gate = asyncio.Event()
    async with running(config) as instance:
        customer = Customer(client, await instance.ready())
        await customer.arrive()
        await customer.say("m1", "hello")
        await asyncio.wait_for(node.asked.wait(), PATIENCE_S)
        instance.process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.3)  # long enough for one that does not wait
        assert instance.process.returncode is None
        node.behaviour.gate.set()
        assert await instance.ended() == 0
    with sqlite3.connect(config.parent / "frontdesk.db") as database:
        assert ("You said: hello",) in database.execute("SELECT text FROM turn WHERE role = 'bot'").fetchall()
    database.close()


async def test_a_second_signal_ends_it_at_once(config: Path, client: aiohttp.ClientSession, node: ScriptedNode) -> None:
    node.behaviour.gate = asyncio.Event()
    async with running(config) as instance:
        customer = Customer(client, await instance.ready())
        await customer.arrive()
        await customer.say("m1", "hello")
        await asyncio.wait_for(node.asked.wait(), PATIENCE_S)
        instance.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        instance.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(instance.process.wait(), 5)


async def test_killed_and_started_again_it_answers_what_was_left(
    config: Path, client: aiohttp.ClientSession, node: ScriptedNode
) -> None:
    node.behaviour.gate = asyncio.Event()
    async with running(config) as instance:
        customer = Customer(client, await instance.ready())
        await customer.arrive()
        await customer.say("m1", "hello")
        await asyncio.wait_for(node.asked.wait(), PATIENCE_S)
        instance.process.kill()
        await instance.ended()
    node.behaviour.gate.set()
    async with running(config) as instance:
        customer.link = await instance.ready()
        turns = await customer.until_answered("You said: hello")
        assert [role for role, _ in turns].count("bot") == 1
        assert await customer.say("m1", "hello") == [text for _, text in turns].index("hello") + 1


async def test_the_code_of_a_start_makes_the_first_owner_and_later_starts_print_none(
    config: Path, client: aiohttp.ClientSession
) -> None:
    async with running(config) as instance:
        code = (await instance.until("owner code: ")).removeprefix("owner code: ")
        customer = Customer(client, await instance.ready())
        await customer.arrive()
        assert await customer.say("m1", f"/start {code}") is None
        assert ("system", "You are owner of Frontdesk from now on.") in await customer.turns()
        instance.process.send_signal(signal.SIGTERM)
        assert await instance.ended() == 0
        assert code not in await instance.errors()
    async with running(config) as instance:
        await instance.ready()
        assert not any("owner code" in line for line in instance.said)


async def test_health_and_metrics_are_served(config: Path, client: aiohttp.ClientSession) -> None:
    file = config.read_text()
    port = free_port()
    config.write_text(file.replace("private_port = 0", f"private_port = {port}"))
    async with running(config) as instance:
        customer = Customer(client, await instance.ready())
        await customer.arrive()
        await customer.say("m1", "hello")
        await customer.until_answered("You said: hello")
        assert await (await client.get(f"{customer.link}readyz")).text() == "ready\n"
        private = f"http://127.0.0.1:{port}"
        assert (await (await client.get(f"{private}/readyz")).json())["checks"] == {"database": "ok", "workers": "ok"}
        metrics = await (await client.get(f"{private}/metrics")).text()
        assert 'frontdesk_updates_total{channel="web",outcome="stored"} 1.0' in metrics
        assert 'frontdesk_turns_total{role="bot"} 1.0' in metrics


async def test_a_second_one_on_the_same_file_is_refused_in_one_line(config: Path) -> None:
    async with running(config) as first:
        await first.ready()
        async with running(config) as second:
            assert await second.ended() == 2
            (line,) = (await second.errors()).splitlines()
            assert f"in use by another frontdesk (process {first.process.pid})" in line


async def test_a_wrong_setting_stops_the_start_naming_the_key(config: Path) -> None:
    config.write_text("[web]\nprot = 1\n")
    async with running(config) as instance:
        assert await instance.ended() == 2
        assert await instance.errors() == f"frontdesk: {config}: [web] prot: unknown key, did you mean port?\n"


async def test_a_start_waits_for_the_port_of_one_that_is_ending(config: Path) -> None:
    port = free_port()
    config.write_text(config.read_text().replace("\nport = 0", f"\nport = {port}"))
    dying = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with running(config) as instance:
        assert await instance.until("still taken") == f"port {port} is still taken; waiting for it, 15 s at most"
        dying.close()
        await dying.wait_closed()
        assert await instance.ready() == f"http://127.0.0.1:{port}/"


async def test_messages_are_accepted_while_the_node_of_our_own_cannot_start(config: Path, client: aiohttp.ClientSession) -> None:
    config.write_text("[web]\nport = 0\nprivate_port = 0\n[serving]\nport = 0\nmodel = './no-such-model'\n")
    async with running(config) as instance:
        said = await instance.until("messages are accepted")
        customer = Customer(client, said.split()[4].rstrip(";"))
        await customer.arrive()
        assert await customer.say("m1", "hello") == 2
        assert await instance.until("the generation node ended")
        instance.process.send_signal(signal.SIGTERM)
        assert await instance.ended() == 0


async def test_on_postgresql_a_restart_continues(config: Path, client: aiohttp.ClientSession, postgres_url: str) -> None:
    secret = config.parent / "secret"
    config.write_text(f"[database]\nurl = '{postgres_url}'\n[security]\nsecret_file = '{secret}'\n{config.read_text()}")
    customer = Customer(client, "")
    for round_ in (1, 2):
        async with running(config) as instance:
            customer.link = await instance.ready()
            if round_ == 1:
                await customer.arrive()
            await customer.say(f"m{round_}", f"hello {round_}")
            await customer.until_answered(f"You said: hello {round_}")
            instance.process.send_signal(signal.SIGTERM)
            assert await instance.ended() == 0


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_the_tests_leave_no_setting_behind() -> None:
    assert not [name for name in os.environ if name.startswith("FRONTDESK_")]


async def test_a_business_keeps_its_name_whatever_the_settings_say_later_and_a_stopped_one_is_one_file(config: Path) -> None:
    first = config.read_text() + "[workspace]\nname = 'Shop'\n"
    for settings in (first, first.replace("Shop", "Other")):
        config.write_text(settings)
        async with running(config) as instance, aiohttp.ClientSession() as client:
            async with client.get(await instance.ready()) as page:
                assert "<title>Shop</title>" in await page.text()
            instance.process.send_signal(signal.SIGTERM)
            assert await instance.ended() == 0
            assert not config.with_name("frontdesk.db-wal").exists()

"""`frontdesk top` beside a stand-in of node and bot: what it finds, who goes away and comes back, and the terminal it leaves."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot.cli.top import every
from bot.cli.watching.exposition import Exposition
from bot.cli.watching.places import Place, root, told_node
from bot.cli.watching.watch import Lately, Watch
from tests.recorded import recorded

PATIENCE_S = 20


class Town:
    """A node and an instance on one listener each; `pages` are what they tell next, `status` how."""

    def __init__(self) -> None:
        self.node_page, self.bot_page = recorded("node_before"), recorded("bot_before")
        self.status = 200
        self.keys: list[str] = []
        self.ready: dict[str, object] = {"ready": False}
        self._runners: dict[int, web.AppRunner] = {}

    async def open(self, port: int = 0) -> str:
        app = web.Application()
        app.add_routes(
            [web.get("/metrics", self._node), web.get("/bot/metrics", self._bot), web.get("/bot/readyz", self._readyz)]
        )
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        bound: int = runner.addresses[0][1]
        self._runners[bound] = runner
        return f"http://127.0.0.1:{bound}"

    async def shut(self, url: str) -> None:
        await self._runners.pop(int(url.rpartition(":")[2])).cleanup()

    async def close(self) -> None:
        for runner in self._runners.values():
            await runner.cleanup()

    async def _node(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization", ""))
        return web.Response(text=self.node_page, status=self.status)

    async def _bot(self, _request: web.Request) -> web.Response:
        return web.Response(text=self.bot_page)

    async def _readyz(self, _request: web.Request) -> web.Response:
        return web.json_response(self.ready, status=503)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    made = Town()
    yield made
    await made.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_node_and_bot_are_read_and_compared_with_the_look_before(town: Town, http: aiohttp.ClientSession) -> None:
    url = await town.open()
    watch = Watch(Place(url, "secret"), Place(f"{url}/bot"), http)
    first = await watch.look()
    town.node_page, town.bot_page = recorded("node_after"), recorded("bot_after")
    second = await watch.look()
    assert first.node is not None
    assert first.node.rows[0].tokens_out_s is None
    assert second.node is not None
    assert (second.node.rows[0].tokens_out_s or 0) > 0
    assert second.bot is not None
    assert (second.bot.answers_a_minute or 0) > 0
    assert town.keys == ["Bearer secret"] * 2


def test_a_reading_is_compared_with_one_some_ten_seconds_old_as_soon_as_there_is_one() -> None:
    lately, before = Lately(), []
    for second in (0, 2, 4, 6, 8, 10, 12, 14, 60, 62):
        found = lately.compared(Exposition(second, 0, {}))
        before.append(found.at if found else None)
    assert before == [None, 0, 0, 0, 0, 0, 2, 4, 14, 14]


async def test_a_node_that_goes_is_named_and_one_that_comes_back_is_seen(town: Town, http: aiohttp.ClientSession) -> None:
    bot, node = await town.open(), await town.open()
    watch = Watch(Place(node, advice="start it"), Place(f"{bot}/bot"), http)
    await watch.look()
    await town.shut(node)
    away = await watch.look()
    assert (away.node, away.node_trouble) == (None, "cannot be reached: connection refused; start it")
    assert away.bot is not None
    await town.open(int(node.rpartition(":")[2]))
    assert (await watch.look()).node is not None


async def trouble(town: Town, http: aiohttp.ClientSession, page: str = "", status: int = 200) -> str:
    town.node_page, town.status = page, status
    return (await Watch(Place(await town.open()), Place(""), http).look()).node_trouble


async def test_what_is_wrong_with_a_node_is_told_in_a_few_words(
    town: Town, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await trouble(town, http, status=401)).startswith("wants a key: set [serving] api_key")
    assert (await trouble(town, http, status=404)).startswith("answers 404 to /metrics")
    assert (await trouble(town, http, status=302)).startswith("answers 302")
    assert (await trouble(town, http, "<html>hello")).startswith("does not tell figures")
    assert await trouble(town, http, "python_info 1\n") == "answers, but tells no figures of vLLM"
    monkeypatch.setattr("bot.cli.watching.fetching.MOST_BYTES", 1 << 20)
    assert (await trouble(town, http, "x" * (1 << 21))).startswith("tells more than 1 MiB")


async def test_one_that_never_answers_costs_a_bounded_time(http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.cli.watching.fetching.TIMEOUT_S", 0.1)

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(5):
        view = await Watch(Place(url), Place(url), http).look()
    silent.close()
    await silent.wait_closed()
    assert "does not answer within" in view.node_trouble
    assert "does not answer within" in view.bot_trouble


async def test_a_node_on_a_free_port_is_found_by_what_the_instance_tells(town: Town, http: aiohttp.ClientSession) -> None:
    bot, node = await town.open(), await town.open()
    watch = Watch(Place(""), Place(f"{bot}/bot"), http)
    unknown = await watch.look()
    assert "only a running frontdesk run knows" in unknown.node_trouble
    town.ready["node"] = node
    known = await watch.look()
    assert known.node_at == node
    assert known.node is not None


@pytest.mark.parametrize(
    ("told", "url"),
    [
        ({"node": "http://0.0.0.0:4100"}, "http://127.0.0.1:4100"),
        ({"node": "http://[::1]:4100"}, "http://[::1]:4100"),
        ({"node": "file:///etc/passwd"}, ""),
        ({"node": "http://[broken"}, ""),
        ({"node": "http://127.0.0.1:port"}, ""),
        ({"node": 7}, ""),
        ({}, ""),
    ],
)
def test_the_address_an_instance_tells_is_taken_with_care(told: dict[str, object], url: str) -> None:
    assert told_node(told) == url


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("http://gpu:8001/v1", "http://gpu:8001"),
        ("https://me:secret@gpu/llm/v1", "https://gpu/llm"),
        ("http://gpu:8001", "http://gpu:8001"),
    ],
)
def test_a_servers_figures_are_beside_its_v1(url: str, there: str) -> None:
    assert root(url) == there


@pytest.mark.parametrize("text", ["0", "0.4", "-1", "nan", "inf", "soon", "3601"])
def test_an_interval_is_bounded(text: str) -> None:
    with pytest.raises(Exception, match="seconds from"):
        every(text)


def settings(folder: Path, url: str) -> list[str]:
    (folder / "shop.toml").write_text(f"[generation]\nurl = '{url}/v1'\n[web]\nprivate_port = 1\n")
    return [sys.executable, "-m", "bot", "top", "--config", str(folder / "shop.toml"), "--every", "0.5"]


async def test_where_no_terminal_is_the_figures_are_printed_once(town: Town, tmp_path: Path) -> None:
    url = await town.open()
    for expected in (0, 1):
        top = await asyncio.create_subprocess_exec(*settings(tmp_path, url), stdout=asyncio.subprocess.PIPE)
        printed, _ = await asyncio.wait_for(top.communicate(), PATIENCE_S)
        assert top.returncode == expected
        assert b"\x1b" not in printed
        assert (b"4/4" in printed, b"cannot be reached" in printed) == (expected == 0, True)  # the bot is away
        if expected == 0:
            await town.shut(url)


# as a shell does, so that Ctrl-C is a signal to it
CONTROLLED = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal:
    """A terminal of 80 columns with the command in it."""

    def __init__(self) -> None:
        self.ours, self.its = pty.openpty()
        self.widen(80)
        self.found = termios.tcgetattr(self.its)
        self.shown = b""
        self._came = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.ours, self._read)

    def widen(self, columns: int) -> None:
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    def _read(self) -> None:
        self.shown += os.read(self.ours, 65536)
        self._came.set()

    async def until(self, text: bytes) -> None:
        """Until it is shown; what was shown before is forgotten."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.shown:
                self._came.clear()
                await self._came.wait()
        self.shown = b""

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.ours)
        os.close(self.ours)
        os.close(self.its)


@asynccontextmanager
async def on_a_terminal(folder: Path, url: str, every_s: str) -> AsyncIterator[Terminal]:
    """The command in a terminal, until the block has made it leave; it must end well and give the terminal back."""
    terminal = Terminal()
    command = [sys.executable, "-c", CONTROLLED, *settings(folder, url), "--every", every_s]
    sizes = {"COLUMNS", "LINES"}  # some set them for their own children; they beat the terminal's size
    environment = {name: value for name, value in os.environ.items() if name not in sizes} | {"TERM": "xterm"}
    top = await asyncio.create_subprocess_exec(
        *command, stdin=terminal.its, stdout=terminal.its, env=environment, start_new_session=True
    )
    try:
        await terminal.until(b"\x1b[?1049h")
        yield terminal
        await terminal.until(b"\x1b[?1049l")
        assert await asyncio.wait_for(top.wait(), PATIENCE_S) == 0
        assert termios.tcgetattr(terminal.its) == terminal.found
    finally:
        if top.returncode is None:
            top.kill()
            await top.wait()
        terminal.close()


async def test_on_a_terminal_it_goes_on_while_a_node_goes_and_comes_until_q(town: Town, tmp_path: Path) -> None:
    url = await town.open()
    async with on_a_terminal(tmp_path, url, "0.5") as terminal:
        await terminal.until(b"4/4")
        await town.shut(url)
        await terminal.until(b"connection refused")
        await town.open(int(url.rpartition(":")[2]))
        await terminal.until(b"4/4")
        os.write(terminal.ours, b"q")


async def test_it_is_drawn_anew_at_once_when_the_terminal_changes_and_ends_by_ctrl_c(town: Town, tmp_path: Path) -> None:
    async with on_a_terminal(tmp_path, await town.open(), "3600") as terminal:
        await terminal.until(b"4/4")
        terminal.widen(140)
        await terminal.until(b"prefix hit  first token")
        os.write(terminal.ours, b"\x03")

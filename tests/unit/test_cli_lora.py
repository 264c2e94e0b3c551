"""`frontdesk models lora`: one line for what happened or what is wrong, with a node that runs and without one."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from bot.cli.main import execute
from serving.lora.loaded import Loaded
from serving.lora.registry import Registry
from tests.lora_desk import BASE, KEY, Desk
from tests.lora_files import a_lora

Told = tuple[int, str]
Command = Callable[..., Told]


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs one; exit status and what it said, wherever."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]

    def run(*words: str, port: int = nobody, key: str = KEY, max_loras: int = 2) -> Told:
        file = tmp_path / "shop.toml"
        file.write_text(
            f"[serving]\nmodel = '{BASE}'\nport = {port}\napi_key = '{key}'\nmodels_dir = '{tmp_path / 'store'}'\n"
            f"[serving.lora]\nmax_loras = {max_loras}\nmax_rank = 8\n"
        )
        status = execute(["models", "lora", words[0], "--config", str(file), *words[1:]])
        said = capsys.readouterr()
        return status, (said.out + said.err).strip()

    return run


@asynccontextmanager
async def served(desk: Desk) -> AsyncIterator[int]:
    """The desk's door on a port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(desk.gate, log_config=None, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await running


async def test_a_running_node_is_told_and_tells(tmp_path: Path, command: Command) -> None:
    desk = Desk(tmp_path)

    async def run(*words: str, key: str = KEY) -> Told:
        return await asyncio.to_thread(command, *words, port=port, key=key)

    async with served(desk) as port:
        assert await run("load", "support", "--version", "1") == (0, "support is version 1 now")
        assert await run("load", "support") == (0, "support is version 3 now, it was version 1 before")
        assert await run("rollback", "support") == (0, "support is version 1 again, it was version 3 before")
        assert await run("remove", "support", "1") == (
            2,
            "frontdesk: support version 1 is in use, or was before the present one, at tiny: unload it first",
        )
        lines = (await run("list"))[1].splitlines()
        assert [line.split()[:2] for line in lines[:4]] == [["sales", "-"], ["support", "in"], ["support", "-"], ["support", "-"]]
        assert lines[4] == f"the node at http://127.0.0.1:{port} answers to tiny, support"
        assert (await run("unload", "support"))[0] == 0
        assert await run("unload", "support") == (2, "frontdesk: support is not loaded")
        assert (await run("load", "nobody"))[0] == 2
        status, said = await run("load", "support", key="wrong")
        assert (status, said.count("\n")) == (2, 0)
        assert "refuses our key" in said
        assert desk.vllm.loras == {}


def test_without_a_node_the_record_says_what_the_next_one_loads(tmp_path: Path, command: Command) -> None:
    for seed in (1, 2):
        status, said = command("add", "support", str(a_lora(tmp_path / str(seed), BASE, seed=seed)))
        assert (status, f"is now support version {seed}, for tiny: rank 4" in said) == (0, True)
    loaded = Loaded(tmp_path / "store", BASE)
    assert command("load", "support", "--version", "1")[1].endswith("support version 1 is loaded when it starts")
    command("load", "support")
    assert loaded.read() == {"support": (1, 2)}
    assert command("rollback", "support")[0] == 0
    assert loaded.read() == {"support": (1,)}
    assert command("rollback", "support") == (2, "frontdesk: support: no version was in use before 1")
    assert command("unload", "support")[0] == 0
    assert command("unload", "support") == (2, "frontdesk: support is not loaded")
    assert command("remove", "support", "2")[0] == 0
    assert [one.number for one in Registry(tmp_path / "store").versions("support")] == [1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("load", "nobody"), "there is no LoRA of that name"),
        (("load", "../x"), "is no name for a LoRA"),
        (("load", "high"), "rank 16, and serving.lora.max_rank is 8"),
        (("load", "support", "--sha256", "0" * 64), "and not what was named"),
        (("load", "support", "--url", "http://127.0.0.1:9"), "no node listens at http://127.0.0.1:9"),
        (("add", "support", "nowhere"), "adapter_config.json is missing"),
        (("add", "tiny", "nowhere"), "the name of the model itself"),
        (("remove", "support", "7"), "there is no version 7"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(tmp_path: Path, command: Command, words: tuple[str, ...], said: str) -> None:
    command("add", "support", str(a_lora(tmp_path / "a", BASE)))
    command("add", "high", str(a_lora(tmp_path / "h", BASE, rank=16)))
    status, line = command(*words)
    assert (status, line.count("\n")) == (2, 0)
    assert said in line


def test_lora_that_is_off_says_how_to_turn_it_on(tmp_path: Path, command: Command) -> None:
    command("add", "support", str(a_lora(tmp_path / "a", BASE)))
    assert command("load", "support", max_loras=0) == (
        2,
        "frontdesk: LoRA is off: set [serving.lora] max_loras, and start the node again",
    )

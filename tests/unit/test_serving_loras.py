"""LoRA at a running engine: only by name, only the files that were added, never a moment in which a name means nothing."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.engine.admission import Admission
from serving.engine.flags import arguments, environment
from serving.engine.gate import Gate, Readiness
from serving.engine.loras import LOAD, UNLOAD
from serving.lora.loaded import Loaded
from serving.lora.weights import WEIGHTS
from serving.order import EngineOrder, LoraOrder
from tests.lora_desk import BASE, KEY, Desk
from tests.lora_files import a_lora


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_name_means_the_newest_version_and_is_listed_with_the_models_length(desk: Desk) -> None:
    assert await desk.answering("support") == "None"
    assert await desk.load("support") == (200, 3)
    assert (await desk.answering("support"), await desk.answering(BASE)) == ("support@3", BASE)
    assert await desk.listed() == {BASE: ("/models/base", 512), "support": ("support@3", 512)}
    assert desk.vllm.asked[-2] == {"model": "support@3", "messages": [{"role": "user", "content": "Grüße"}]}


async def test_a_version_takes_the_place_of_another_and_a_rollback_gives_it_back(desk: Desk) -> None:
    assert [await desk.load("support", version=version) for version in (1, 2, 2)] == [(200, 1), (200, 2), (200, 2)]
    assert desk.vllm.loras == {"support@2": desk.registry.find("support", 2).folder.resolve()}
    assert await desk.load("support", version="previous") == (200, 1)
    assert await desk.answering("support") == "support@1"
    assert await desk.load("support", version="previous") == (409, "support: no version was in use before 1")
    assert await desk.load("sales", version="previous") == (409, "sales is not loaded")


async def test_an_answer_under_way_keeps_its_version_and_the_next_has_the_new_one(desk: Desk) -> None:
    await desk.load("support", version=1)
    desk.vllm.held = asyncio.Event()
    early = asyncio.create_task(desk.answering("support"))
    while not desk.vllm.asked:
        await asyncio.sleep(0)
    await desk.load("support", version=2)
    late = asyncio.create_task(desk.answering("support"))
    while len(desk.vllm.asked) < 2:
        await asyncio.sleep(0)
    desk.vllm.held.set()
    assert (await early, await late) == ("support@1", "support@2")


async def test_what_is_not_loaded_any_more_is_not_known_and_leaves_others_alone(desk: Desk) -> None:
    await desk.load("support")
    await desk.load("sales")
    assert await desk.unload("support") == (200, 3)
    assert (await desk.answering("support"), await desk.answering("sales")) == ("None", "sales@1")
    assert set(desk.vllm.loras) == {"sales@1"}
    assert await desk.unload("support") == (409, "support is not loaded")


async def test_what_was_loaded_is_loaded_again_after_a_restart_with_where_a_rollback_goes(desk: Desk) -> None:
    for version in (1, 2):
        await desk.load("support", version=version)
    await desk.load("sales")
    desk.start()
    await desk.loras.restore()
    assert (await desk.answering("support"), await desk.answering("sales")) == ("support@2", "sales@1")
    assert await desk.load("support", version="previous") == (200, 1)


async def test_a_lora_that_was_changed_meanwhile_is_left_out_with_a_line_and_the_rest_stands(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.load("support", version=1)
    await desk.load("sales")
    forged(desk)
    desk.start()
    await desk.loras.restore()
    assert set(desk.vllm.loras) == {"sales@1"}
    assert "serving: LoRA support is left out: support version 1: adapter_model" in capsys.readouterr().err


def forged(desk: Desk) -> None:
    path = desk.registry.find("support", 1).folder / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


async def test_weights_that_were_changed_are_refused_before_vllm_sees_them(desk: Desk) -> None:
    forged(desk)
    status, said = await desk.load("support", version=1)
    assert (status, desk.vllm.loras) == (409, {})
    assert "is not what was added (its sha256 differs)" in said


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"lora_name": "support", "sha256": "0" * 64}, 409, "and not what was named"),
        ({"lora_name": "support", "version": 9}, 409, "there is no version 9; there are 1, 2, 3"),
        ({"lora_name": "nobody"}, 409, "no LoRA of that name"),
        ({"lora_name": "../../etc"}, 409, "is no name for a LoRA"),
        ({"lora_name": "/etc"}, 409, "is no name for a LoRA"),
        ({"lora_name": BASE}, 409, "name of the model itself"),
        ({"lora_name": "x" * 65}, 400, "length <= 64"),
        ({"lora_name": "support", "lora_path": "/etc"}, 400, "unknown field `lora_path`"),
        ({"lora_name": "support", "load_inplace": True}, 400, "unknown field `load_inplace`"),
        ({"lora_name": "support", "version": 0}, 400, "$.version"),
        ({"lora_name": "support", "version": "../1"}, 400, "$.version"),
        ({"lora_name": "support", "sha256": "abc"}, 400, "$.sha256"),
        ({}, 400, "lora_name"),
    ],
)
async def test_nothing_but_a_name_of_the_store_is_taken(desk: Desk, asked: dict[str, Any], status: int, said: str) -> None:
    found, told = await desk.ask(LOAD, asked)
    assert (found, desk.vllm.loras) == (status, {})
    assert said in told["error"]["message"]
    assert "\n" not in told["error"]["message"]


async def test_the_routes_need_the_key_and_are_not_there_where_lora_is_off(desk: Desk) -> None:
    assert (await desk.ask(LOAD, {"lora_name": "support"}, key="wrong"))[0] == 401
    assert (await desk.ask(UNLOAD, {"lora_name": "support"}, key=""))[0] == 401
    desk.gate = Gate(desk.vllm, KEY, Readiness(True), Admission(4, 2, time.monotonic))
    assert (await desk.ask(LOAD, {"lora_name": "support"}))[0] == 404
    assert desk.vllm.loras == {}


async def test_a_lora_for_another_model_or_of_a_high_rank_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.registry.add("other", a_lora(tmp_path / "o", "other"), "other", model=None, believed=False)
    desk.registry.add("high", a_lora(tmp_path / "h", BASE, rank=16), BASE, model=None, believed=False)
    desk.registry.add("wide", a_lora(tmp_path / "w", BASE, width=256), BASE, model=None, believed=False)
    assert await desk.load("other") == (409, "other version 1 was added for other, and this node serves tiny")
    said = "high has rank 16, and serving.lora.max_rank is 8: raise it and start the node again"
    assert await desk.load("high") == (409, said)
    assert "256 wide, and this one is 128 wide" in (await desk.load("wide"))[1]
    assert desk.vllm.loras == {}


async def test_what_vllm_refuses_is_told_in_one_line_and_leaves_the_version_in_use(desk: Desk) -> None:
    await desk.load("support", version=1)
    desk.vllm.refusing = "vLLM does not yet\nsupport DoRA."
    assert await desk.load("support", version=2) == (409, "vLLM refuses support@2: vLLM does not yet support DoRA.")
    assert await desk.answering("support") == "support@1"
    assert Loaded(desk.store, BASE).read() == {"support": (1,)}


async def test_a_record_that_cannot_be_written_leaves_the_version_in_use(desk: Desk) -> None:
    await desk.load("support", version=1)
    record = desk.store / "lora" / "loaded.json"
    record.unlink()
    record.mkdir()
    assert (await desk.load("support", version=2))[0] == 409
    assert (await desk.answering("support"), set(desk.vllm.loras)) == ("support@1", {"support@1"})


async def test_how_many_names_may_be_loaded_is_bounded_and_a_version_is_none_of_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path, max_loaded=1)
    assert [(await desk.load("support", version=version))[0] for version in (1, 2)] == [200, 200]
    status, said = await desk.load("sales")
    assert (status, said) == (409, "1 are loaded, of at most serving.lora.max_loaded: unload one, or raise it")


async def test_folders_of_the_settings_are_listed_and_left_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, folders={"sales": str(a_lora(tmp_path / "static", BASE))})
    assert (await desk.listed())["sales"] == ("sales", 512)
    assert await desk.answering("sales") == "sales"
    for change in (desk.load, desk.unload):
        assert "serving.lora.folders" in (await change("sales"))[1]


async def test_changes_of_one_name_at_once_end_with_one_version_in_vllm(desk: Desk) -> None:
    await asyncio.gather(*(desk.load("support", version=version) for version in (1, 2, 3, 2, 1, 3)))
    assert len(desk.vllm.loras) == 1
    assert await desk.answering("support") == next(iter(desk.vllm.loras))


def order(lora: LoraOrder | None) -> EngineOrder:
    return EngineOrder("/m", "m", "cpu", "127.0.0.1", 1, "k", None, None, 4, 4, 1, 5, {}, lora=lora)


def test_vllm_may_change_loras_only_where_lora_is_on_whatever_the_environment_says() -> None:
    off, on = order(None), order(LoraOrder("/s", 2, 4, 8, {"house": "/a, b=c"}))
    name = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"
    assert (environment(off, {name: "1"}, 2)[name], environment(on, {name: "0"}, 2)[name]) == ("0", "1")
    words = arguments(on, set())
    assert {"--enable-lora", "--max-loras=2", "--max-cpu-loras=5", "--max-lora-rank=8"} <= set(words)
    assert words[words.index("--lora-modules") + 1] == '{"name": "house", "path": "/a, b=c"}'
    assert not [word for word in arguments(off, set()) if "lora" in word]


@pytest.mark.parametrize("make", [lambda: order(None), lambda: order(LoraOrder("/s", 2, 4, 8, {"a": "/b"}))])
def test_an_order_reaches_the_engine_as_it_was(make: Callable[[], EngineOrder]) -> None:
    assert EngineOrder.from_line(make().to_line()) == make()

"""What a model needs of a machine, told before it is loaded, and what is refused with the numbers."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving import embeddings, memory, room
from serving.errors import ModelError, SettingsError
from serving.memory import GIB, Need
from serving.models.commands import print_presets
from serving.models.shape import Shape, shape_of
from serving.presets import PRESETS
from serving.settings import parse
from tests.unit.test_serving_policies import ORDER

# https://huggingface.co/Qwen/Qwen2.5-7B-Instruct/blob/main/config.json
QWEN_7B = {
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "hidden_size": 3584,
    "max_position_embeddings": 32768,
    "torch_dtype": "bfloat16",
}


def model(folder: Path, config: dict[str, Any], weights: int = 1000) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model-1.safetensors").write_bytes(bytes(weights // 2))
    (folder / "model-2.safetensors").write_bytes(bytes(weights - weights // 2))
    return folder


@pytest.mark.parametrize(
    ("config", "elements"),
    [
        (QWEN_7B, 2 * 28 * 4 * 128),
        ({"text_config": QWEN_7B}, 2 * 28 * 4 * 128),
        ({**QWEN_7B, "head_dim": 64}, 2 * 28 * 4 * 64),
        ({**QWEN_7B, "num_key_value_heads": None}, 2 * 28 * 28 * 128),
        ({**QWEN_7B, "kv_lora_rank": 512, "qk_rope_head_dim": 64}, 28 * 576),
        ({**QWEN_7B, "model_type": "mamba"}, None),
        *(({**QWEN_7B, "model_type": name}, 0) for name in ("bert", "xlm-roberta", "nomic_bert", "modernbert", "gte")),
        ({}, None),
    ],
)
def test_a_token_of_the_cache_is_counted_from_the_config(tmp_path: Path, config: dict[str, Any], elements: int | None) -> None:
    assert shape_of(model(tmp_path, config)).token_elements == elements


@pytest.mark.parametrize(
    ("config", "element", "loaded"),
    [
        ({"dtype": "bfloat16"}, 2, 1000),
        ({"dtype": "bfloat16"}, 4, 2000),
        ({"torch_dtype": "torch.float32"}, 2, 500),
        ({"torch_dtype": "float32"}, 4, 1000),
        ({"quantization_config": {"bits": 4}, "dtype": "float16"}, 2, 1000),
    ],
)
def test_weights_take_what_their_numbers_take_when_loaded(
    tmp_path: Path, config: dict[str, Any], element: int, loaded: int
) -> None:
    assert shape_of(model(tmp_path, config)).loaded(element) == loaded


@pytest.mark.parametrize(
    ("cache_dtype", "size"),
    [("auto", 2000), ("bfloat16", 2000), ("fp8", 1000), ("fp8_e5m2", 1000), ("int8_per_token_head", 1000), ("nvfp4", 500)],
)
def test_a_cache_of_smaller_numbers_is_smaller(cache_dtype: str, size: int) -> None:
    assert Shape(weights=0, token_elements=100, element=2, context=10).kv_bytes(10, 2, cache_dtype) == size


@pytest.mark.parametrize(
    ("stored", "quantization", "loaded"),
    [(2, None, 1000), (2, "fp8", 500), (2, "nvfp4_per_token", 250), (1, "fp8", 1000), (4, "fp8", 250)],
)
def test_weights_that_are_quantised_while_they_load_are_counted_so(stored: int, quantization: str | None, loaded: int) -> None:
    assert Shape(weights=1000, token_elements=1, element=stored, context=1).loaded(2, quantization) == loaded


def test_copies_of_a_model_beside_one_another_take_all_of_it_each() -> None:
    shape = Shape(weights=10, token_elements=1000, element=2, context=1000)
    once = memory.need(shape, "cuda", element=2, context=1000, cache=None)
    thrice = memory.need(shape, "cuda", element=2, context=1000, cache=None, copies=3)
    assert once is not None
    assert thrice is not None
    assert thrice.total == 3 * once.total


def test_a_model_that_keeps_nothing_needs_no_cache_however_much_is_asked_for() -> None:
    needed = memory.need(Shape(weights=7, token_elements=0, element=4, context=512), "cpu", element=4, context=512, cache=GIB)
    assert needed == Need(7, 0, memory.OVERHEAD["cpu"])


def test_two_engines_that_fit_only_one_by_one_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = replace(ORDER, model_path=str(model(tmp_path, QWEN_7B)), kv_cache_gib=2.0, max_model_len=1024)
    second = embeddings.order(embeddings.EmbeddingSettings(max_model_len=1024), chat, model_path=chat.model_path, port=1)
    monkeypatch.setattr(memory, "free_memory", lambda: 5 * GIB)
    for alone in (chat, second):
        room.check(alone)
    monkeypatch.setattr(memory, "free_memory", lambda: 2 * GIB)
    with pytest.raises(SettingsError, match=r"^serving\.embeddings\.model: .*lower serving\.embeddings\.max_model_len"):
        room.check(second)
    monkeypatch.setattr(memory, "free_memory", lambda: 5 * GIB)
    with pytest.raises(SettingsError, match=r"need 5\.7 GiB \(name 3\.6 GiB, all-minilm-l6-v2 2\.1 GiB\) and 5\.0 GiB are free"):
        room.check_together(chat, second)
    monkeypatch.setattr(memory, "free_memory", lambda: 6 * GIB)
    room.check_together(chat, second)


@pytest.mark.parametrize("text", ["", "[]", '{"num_hidden_layers": "x", "num_attention_heads": 1, "head_dim": 1}'])
def test_a_config_that_describes_nothing_is_named(tmp_path: Path, text: str) -> None:
    (model(tmp_path, {}) / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        shape_of(tmp_path)


def test_what_does_not_fit_is_refused_with_the_numbers_and_what_just_fits_is_not() -> None:
    needed = Need(weights=14 * GIB, cache=2 * GIB, overhead=GIB)
    memory.check(needed, 17 * GIB, context=32768)
    with pytest.raises(SettingsError) as refused:
        memory.check(needed, 17 * GIB - 1, context=32768)
    for number in ("17.0 GiB", "weights 14.0 GiB", "KV cache 2.0 GiB", "vLLM itself 1.0 GiB", "32,768 tokens"):
        assert number in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_cache_holds_at_least_one_conversation() -> None:
    shape = Shape(weights=0, token_elements=1000, element=2, context=1000)
    small = memory.need(shape, "cpu", element=2, context=1000, cache=5)
    large = memory.need(shape, "cpu", element=2, context=1000, cache=5_000_000)
    assert small is not None
    assert large is not None
    assert (small.cache, large.cache) == (2_000_000, 5_000_000)


def test_an_order_that_cannot_fit_this_machine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = replace(ORDER, model_path=str(model(tmp_path, QWEN_7B)), device="cpu", kv_cache_gib=3.0, max_model_len=1024)
    monkeypatch.setattr(memory, "free_memory", lambda: 5 * GIB)
    room.check(order)
    monkeypatch.setattr(memory, "free_memory", lambda: 4 * GIB)
    with pytest.raises(SettingsError, match=r"KV cache 3\.0 GiB"):
        room.check(order)
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    room.check(order)


def test_a_card_that_cannot_be_asked_refuses_nothing() -> None:
    assert memory.free_on_cards("no-such-program") is None
    assert memory.free_on_cards("false") is None


def test_cards_are_summed_over_what_the_engine_spreads_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = replace(ORDER, model_path=str(tmp_path), device="cuda", engine_args={"tensor_parallel_size": 2})
    monkeypatch.setattr(memory, "free_on_cards", lambda: [3, 9, 5])
    assert room.room(order) == 14
    assert room.room(replace(order, engine_args={"data_parallel_size": 3})) == 17


def test_memory_is_read_as_the_system_tells_it(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    assert memory.free_memory(tmp_path / "meminfo") == 2 << 20
    assert memory.free_memory(tmp_path / "none") is None


def test_a_preset_fills_what_is_open_and_what_is_set_stays() -> None:
    chosen = parse({"preset": "laptop", "max_num_seqs": 3, "engine_args": {"seed": 1}})
    assert (chosen.max_num_seqs, chosen.kv_cache_gib) == (3, 2.0)
    assert chosen.vllm_args == {"max_num_batched_tokens": 128, "seed": 1}
    with pytest.raises(SettingsError, match=r"serving\.preset: .*laptop, gpu-24gb"):
        parse({"preset": "big"})


def test_a_model_that_keeps_nothing_is_shown_without_presets() -> None:
    out = io.StringIO()
    print_presets(Shape(weights=GIB, token_elements=0, element=4, context=512), out)
    assert out.getvalue() == "memory    weights 1.0 GiB; it reads 512 tokens at once and keeps nothing\n"


def test_every_preset_is_shown_with_whether_the_model_fits() -> None:
    out = io.StringIO()
    print_presets(Shape(weights=30 * GIB, token_elements=100_000, element=2, context=8192), out)
    told = out.getvalue().splitlines()
    assert [line.split()[0] for line in told] == ["memory", *PRESETS]
    assert ["does not fit" in line for line in told[1:]] == [True, True, False, False]

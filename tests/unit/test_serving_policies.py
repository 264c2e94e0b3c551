"""The node's pure decisions: when to restart, what is hung, which words vLLM gets."""

import dataclasses
from typing import Any

import pytest

from serving import embeddings
from serving.backoff import Backoff
from serving.embeddings import EmbeddingSettings
from serving.engine import flags
from serving.order import EngineOrder
from serving.probe import has_embedding
from serving.vitals import Vitals

ORDER = EngineOrder(
    model_path="model",
    served_name="name",
    device="cpu",
    host="127.0.0.1",
    port=8001,
    api_key="secret",
    max_model_len=None,
    kv_cache_gib=None,
    max_num_seqs=64,
    max_queued_requests=256,
    max_background=2,
    shutdown_s=5,
    engine_args={},
)


def test_the_wait_doubles_to_its_bound_and_half_of_it_is_jitter() -> None:
    backoff, shortest, longest = Backoff(first_s=1, most_s=8), [], []
    for _ in range(6):
        backoff = backoff.after_failure(0)
        shortest.append(backoff.wait_s(0.0))
        longest.append(backoff.wait_s(1.0))
    assert longest == [1, 2, 4, 8, 8, 8]
    assert shortest == [wait / 2 for wait in longest]


def test_a_healthy_stretch_starts_the_waits_anew() -> None:
    tired = Backoff(failures=7)
    assert tired.after_failure(119).failures == 8
    assert tired.after_failure(120).failures == 1


def test_ten_thousand_failures_still_wait_the_longest() -> None:
    assert Backoff(most_s=60, failures=10_000).wait_s(1.0) == 60


def vitals() -> Vitals:
    return Vitals(hang_timeout_s=100, last_life=0.0).seen_work(0.0, 10.0)


def test_tokens_for_anybody_are_life() -> None:
    assert not vitals().seen_work(99.0, 11.0).hung(150.0)


def test_a_counter_that_starts_again_is_life() -> None:
    assert not vitals().seen_work(99.0, 0.0).hung(150.0)


def test_a_counter_that_stands_still_or_is_missing_is_no_life() -> None:
    assert vitals().seen_work(99.0, 10.0).seen_work(99.5, None).hung(100.0)


def test_the_first_reading_is_no_life() -> None:
    assert Vitals(hang_timeout_s=100, last_life=0.0).seen_work(99.0, 10.0).hung(100.0)


def test_an_idle_engine_is_asked_for_a_token_and_lives_by_it() -> None:
    seen = vitals()
    assert not seen.wants_probe(24.0)
    assert seen.wants_probe(25.0)
    assert not seen.seen_token(30.0).hung(129.0)


def test_probes_fit_into_the_time_before_the_verdict() -> None:
    seen = vitals()
    assert seen.check_every_s + seen.probe_timeout_s * 2 < seen.hang_timeout_s


def test_the_key_is_neither_in_the_arguments_nor_in_what_is_printed() -> None:
    assert "secret" not in " ".join(flags.arguments(ORDER, set())) + repr(ORDER)
    assert EngineOrder.from_line(ORDER.to_line()) == ORDER


def test_a_processor_without_bfloat16_arithmetic_computes_in_float32() -> None:
    assert "--dtype=float32" in flags.arguments(ORDER, {"avx2", "fma"})
    assert "--dtype=auto" in flags.arguments(ORDER, {"avx2", "avx512_bf16"})


def test_a_gpu_keeps_its_own_choice_of_memory_type_and_graphs() -> None:
    words = flags.arguments(dataclasses.replace(ORDER, device="cuda"), set())
    assert not any(word.startswith(("--dtype", "--kv-cache", "--gpu-memory", "--enforce-eager")) for word in words)


def test_engine_args_beat_the_nodes_own_defaults() -> None:
    words = flags.arguments(dataclasses.replace(ORDER, engine_args={"dtype": "bfloat16", "enforce_eager": False}), set())
    assert [word for word in words if "dtype" in word or "eager" in word] == ["--no-enforce-eager", "--dtype=bfloat16"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, ["--a-b"]),
        (False, ["--no-a-b"]),
        (None, []),
        (5, ["--a-b=5"]),
        ("-x", ["--a-b=-x"]),  # a value may begin like an option
        (["a", 1], ["--a-b", "a", "1"]),
        ({"k": [1]}, ["--a-b", '{"k": [1]}']),
    ],
)
def test_an_option_is_spelled_as_the_parser_takes_it(value: object, expected: list[str]) -> None:
    assert flags.words("a_b", value) == expected


def test_what_the_person_has_set_stays_and_what_protects_is_forced() -> None:
    present = {"OMP_NUM_THREADS": "1", "VLLM_SERVER_DEV_MODE": "1", "VLLM_NO_USAGE_STATS": "0", "HF_HUB_OFFLINE": "0"}
    made = flags.environment(ORDER, present, 2)
    assert made["OMP_NUM_THREADS"] == "1"
    assert (made["VLLM_SERVER_DEV_MODE"], made["VLLM_NO_USAGE_STATS"], made["HF_HUB_OFFLINE"]) == ("0", "1", "1")


def test_an_engine_spread_over_workers_keeps_vllms_own_processes() -> None:
    spread = dataclasses.replace(ORDER, engine_args={"tensor_parallel_size": 2})
    assert not flags.lean(spread)
    assert "VLLM_CPU_OMP_THREADS_BIND" not in flags.environment(spread, {}, 2)


def test_an_engine_that_embeds_is_asked_to_pool_and_for_nothing_of_a_dialogue() -> None:
    chat = flags.arguments(ORDER, {"avx512_bf16"})
    words = flags.arguments(embeddings.order(EmbeddingSettings(), ORDER, model_path="m", port=2), {"avx512_bf16"})
    assert "--runner=generate" in chat
    assert {"--runner=pooling", "--dtype=float32", "--served-model-name"} <= set(words)
    assert not [word for word in words if "prefix" in word or "prompt-tokens" in word]


def test_an_engine_that_embeds_has_the_key_and_device_of_the_one_beside_it() -> None:
    made = embeddings.order(EmbeddingSettings(dtype="half"), dataclasses.replace(ORDER, device="cuda"), model_path="m", port=2)
    assert (made.task, made.api_key, made.device, made.host, made.port) == ("embed", ORDER.api_key, "cuda", "127.0.0.1", 2)
    assert made.engine_args == {"gpu_memory_utilization": 0.1, "dtype": "half"}
    assert EngineOrder.from_line(made.to_line()) == made


def test_slots_are_those_of_all_copies() -> None:
    assert flags.slots(ORDER) == 64
    assert flags.slots(dataclasses.replace(ORDER, engine_args={"data_parallel_size": 3})) == 192


@pytest.mark.parametrize(
    ("body", "lives"),
    [
        ({"data": [{"embedding": [0.0, 0.5]}]}, True),
        ({"data": [{"embedding": [0.0, 0.0]}]}, False),
        ({"data": [{"embedding": [0.5, float("nan")]}]}, False),
        ({"data": [{"embedding": [0.5, None]}]}, False),
        ({"data": [{"embedding": []}]}, False),
        ({"data": []}, False),
        ({}, False),
        ([], False),
    ],
)
def test_an_embedding_is_numbers(body: object, lives: bool) -> None:
    assert has_embedding(body) is lives


def test_the_processors_words_are_read() -> None:
    assert flags.cpu_flags("processor\t: 0\nflags\t\t: fpu avx2\n\nflags : other") == {"fpu", "avx2"}
    assert flags.cpu_flags("Features : asimd bf16") == {"asimd", "bf16"}
    assert flags.cpu_flags("") == set()


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({}, "--max-num-batched-tokens=256"),
        ({"max_num_seqs": 300}, "--max-num-batched-tokens=300"),  # vLLM wants a token for each answer
        ({"engine_args": {"max_num_batched_tokens": 1024}}, "--max-num-batched-tokens=1024"),
        ({"engine_args": {"enable_chunked_prefill": False}}, None),  # a prompt is one step
        ({"device": "cuda"}, None),
    ],
)
def test_a_step_on_cpu_is_short_unless_told_otherwise(changed: dict[str, Any], step: str | None) -> None:
    words = flags.arguments(dataclasses.replace(ORDER, **changed), set())
    assert [word for word in words if "batched" in word] == ([step] if step else [])

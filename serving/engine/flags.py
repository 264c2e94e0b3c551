"""What an order means in vLLM's own words: the environment and the arguments of one engine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.order import EngineOrder

CPU_KV_CACHE_GIB = 2.0
GIB = 1024**3
SCHEDULER = "serving.engine.scheduler.CourteousScheduler"
SPREAD = frozenset(
    ["distributed_executor_backend", "pipeline_parallel_size", "prefill_context_parallel_size", "tensor_parallel_size"]
)
WIDE_BFLOAT = frozenset({"avx512_bf16", "amx_bf16", "bf16", "sve_bf16"})


def cpuinfo(path: Path = Path("/proc/cpuinfo")) -> str:
    """What the system tells of its processors, "" where it does not."""
    return path.read_text() if path.exists() else ""


def cpu_flags(cpuinfo: str) -> set[str]:
    """The instruction sets of the first processor in a /proc/cpuinfo text."""
    for line in cpuinfo.splitlines():
        name, _, words = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return set(words.split())
    return set()


def lean(order: EngineOrder) -> bool:
    """Whether one process can hold scheduler and model: one CPU engine that nothing spreads over workers."""
    return order.device == "cpu" and not SPREAD & order.engine_args.keys()


def environment(order: EngineOrder, present: Mapping[str, str], cores: int) -> dict[str, str]:
    """Variables to set before vLLM is imported; what the person running the node has set already stays.

    A lean engine runs without vLLM's separate worker process and its thread pinning: the worker would import
    vLLM a third time, and pinning leaves one core in two idle on a small machine.
    """
    wanted = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_MAX_N_SEQUENCES": "8", "TOKENIZERS_PARALLELISM": "false"}
    if lean(order):
        wanted |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
        wanted |= {"OMP_NUM_THREADS": str(cores), "OMP_WAIT_POLICY": "PASSIVE"}
    kept = {name: present.get(name, value) for name, value in wanted.items()}
    return kept | {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "VLLM_SERVER_DEV_MODE": "0"}


def arguments(order: EngineOrder, cpu: set[str]) -> list[str]:
    """The arguments for vLLM's parser: the node's own choice, then `engine_args`, which may override a default."""
    chosen: dict[str, Any] = {
        "model": order.model_path,
        "served_model_name": [order.served_name],
        "host": order.host,
        "port": order.port,
        "max_num_seqs": order.max_num_seqs,
        "max_num_queued_reqs": 2 * order.max_num_seqs + order.max_queued_requests,  # the gate's own bound is met before
        "shutdown_timeout": order.shutdown_s,
        "scheduling_policy": "priority",
        "enable_prefix_caching": True,
        "enable_prompt_tokens_details": True,
        "disable_fastapi_docs": True,
    }
    if order.max_model_len is not None:
        chosen["max_model_len"] = order.max_model_len
    cache = cache_bytes(order)
    if cache is not None:
        chosen["kv_cache_memory_bytes"] = cache
    if order.device == "cpu":
        chosen |= {"enforce_eager": True, "gpu_memory_utilization": 0.1, "dtype": cpu_dtype(cpu), "scheduler_cls": SCHEDULER}
    return [word for name, value in (chosen | order.engine_args).items() for word in words(name, value)]


def cache_bytes(order: EngineOrder) -> int | None:
    """The KV cache that is asked for; None: all that vLLM finds free on the card."""
    gib = order.kv_cache_gib if order.kv_cache_gib is not None else CPU_KV_CACHE_GIB if order.device == "cpu" else None
    return None if gib is None else int(gib * GIB)


def cpu_dtype(cpu: set[str]) -> str:
    """float32 where the processor has no bfloat16 arithmetic: emulating it answers several times slower."""
    return "auto" if cpu & WIDE_BFLOAT else "float32"


def words(name: str, value: Any) -> list[str]:
    """One option as vLLM's parser takes it: a flag, a list of words, JSON for a table."""
    flag = name.replace("_", "-")
    match value:
        case None:
            return []
        case bool():
            return [f"--{flag}" if value else f"--no-{flag}"]
        case dict():
            return [f"--{flag}", json.dumps(value)]
        case list():
            return [f"--{flag}", *(str(item) for item in value)]
        case _:
            return [f"--{flag}={value}"]

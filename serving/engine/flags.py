"""What an order means in vLLM's own words: the environment and the arguments of one engine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.engine.bounds import MOST_INPUTS
from serving.order import EngineOrder, LoraOrder, Task

CPU_KV_CACHE_GIB: dict[Task, float] = {"generate": 2.0, "embed": 0.5}  # what embeds keeps nothing from one request to the next
GIB = 1024**3
CPU_BLOCK = 32
CPU_STEP = 256
SCHEDULER = "serving.engine.scheduler.CourteousScheduler"
SPREAD = ("distributed_executor_backend", "pipeline_parallel_size", "prefill_context_parallel_size", "tensor_parallel_size")
# a model that embeds may not be able to reuse a prefix: vLLM knows which can
OF_TASK: dict[Task, dict[str, Any]] = {
    "generate": {"runner": "generate", "enable_prefix_caching": True, "enable_prompt_tokens_details": True},
    "embed": {"runner": "pooling"},
}
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
    return order.device == "cpu" and all(order.engine_args.get(name, 1) in (None, 1) for name in SPREAD)


def slots(order: EngineOrder) -> int:
    """Answers that are made at once: each of the data-parallel copies of a model makes so many."""
    return order.max_num_seqs * int(order.engine_args.get("data_parallel_size") or 1)


def queued(order: EngineOrder) -> int:
    """How many vLLM itself lets wait. It counts each text of a request: the gate's bound, of requests, is met before."""
    each = MOST_INPUTS if order.task == "embed" else 1
    return (2 * order.max_num_seqs + order.max_queued_requests) * each


def environment(order: EngineOrder, present: Mapping[str, str], cores: int) -> dict[str, str]:
    """Variables to set before vLLM is imported; what the person running the node has set already stays.

    A lean engine runs without vLLM's separate worker process and its thread pinning: the worker would import
    vLLM a third time, and pinning leaves one core in two idle on a small machine.
    """
    wanted = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_MAX_N_SEQUENCES": "8", "TOKENIZERS_PARALLELISM": "false"}
    if lean(order):
        wanted |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
        wanted |= {"OMP_NUM_THREADS": str(max(1, cores // order.sharing)), "OMP_WAIT_POLICY": "PASSIVE"}
    kept = {name: present.get(name, value) for name, value in wanted.items()}
    ours = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "VLLM_SERVER_DEV_MODE": "0"}
    # its routes for loading take any path: they are reached through `serving/engine/loras.py` alone
    ours |= {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1" if order.lora is not None else "0"}
    return kept | ours | ({"CUDA_VISIBLE_DEVICES": order.cards} if order.cards else {})


def arguments(order: EngineOrder, cpu: set[str]) -> list[str]:
    """The arguments for vLLM's parser: the node's own choice, then `engine_args`, which may override a default."""
    chosen: dict[str, Any] = {
        "model": order.model_path,
        "served_model_name": [order.served_name],
        "host": order.host,
        "port": order.port,
        "max_num_seqs": order.max_num_seqs,
        "max_num_queued_reqs": queued(order),
        "shutdown_timeout": order.shutdown_s,
        "scheduling_policy": "priority",
        # vLLM has none without its statistics
        "enable_per_request_metrics": True,
        "disable_fastapi_docs": True,
        **OF_TASK[order.task],
    }
    if order.max_model_len is not None:
        chosen["max_model_len"] = order.max_model_len
    cache = cache_bytes(order)
    if cache is not None:
        chosen["kv_cache_memory_bytes"] = cache
    if order.device == "cpu":
        chosen |= {"enforce_eager": True, "gpu_memory_utilization": 0.1, "dtype": cpu_dtype(cpu, order.task)}
        chosen |= {"scheduler_cls": SCHEDULER, **quick_steps(order)} if order.task == "generate" else {}
    if order.lora is not None:
        chosen |= lora(order.lora)
    return [word for name, value in (chosen | order.engine_args).items() for word in words(name, value)]


def quick_steps(order: EngineOrder) -> dict[str, Any]:
    """A prompt of 256 tokens takes a CPU about as long in two steps as in one, and others get their tokens in between. Attention
    over blocks of 32 tokens is spread over cores better than over vLLM's 128, and less of a prompt is computed anew.
    """
    chunked = order.engine_args.get("enable_chunked_prefill", True)
    step = {"max_num_batched_tokens": max(CPU_STEP, order.max_num_seqs)} if chunked else {}
    return {"block_size": CPU_BLOCK, **step}


def lora(order: LoraOrder) -> dict[str, Any]:
    """LoRA in vLLM's words. All that may be loaded stays in memory, and one more while a version takes the place of another: what
    was checked is not read from the disk again.
    """
    chosen: dict[str, Any] = {
        "enable_lora": True,
        "max_loras": order.max_loras,
        "max_cpu_loras": order.max_loaded + 1,
        "max_lora_rank": order.max_rank,
    }
    modules = [json.dumps({"name": name, "path": path}) for name, path in order.folders.items()]
    return chosen | ({"lora_modules": modules} if modules else {})


def cache_bytes(order: EngineOrder) -> int | None:
    """The KV cache that is asked for; None: all that vLLM finds free on the card."""
    gib = order.kv_cache_gib
    if gib is None and order.device == "cpu":
        gib = CPU_KV_CACHE_GIB[order.task]
    return None if gib is None else int(gib * GIB)


def cpu_dtype(cpu: set[str], task: Task = "generate") -> str:
    """float32 where the processor has no bfloat16 arithmetic: emulating it answers several times slower. Models that embed are
    stored in float32; vLLM would make float16 of that, which a processor has to emulate too (4 times slower, seen).
    """
    return "auto" if task == "generate" and cpu & WIDE_BFLOAT else "float32"


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

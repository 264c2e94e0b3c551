"""Whether this machine has room for its engines: their orders' needs beside what is free here."""

import math
from pathlib import Path

from serving import memory
from serving.engine import flags
from serving.errors import SettingsError
from serving.memory import Need
from serving.models.shape import BYTES, Shape, shape_of
from serving.order import EngineOrder, Task

PLAIN_CONTEXT = 4096
TABLES: dict[Task, str] = {"generate": "serving", "embed": "serving.embeddings"}
SPREAD = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")


def check(order: EngineOrder) -> None:
    """Raises SettingsError with the numbers when the model cannot fit; what neither model nor machine tells is left to vLLM."""
    needed, free = need(order), room(order)
    if needed is not None and free is not None:
        memory.check(needed, free, context=context(order, shape_of(Path(order.model_path))), table=TABLES[order.task])


def check_together(*orders: EngineOrder) -> None:
    """Raises SettingsError when each fits and all at once do not. On cards each has a share of its own, which vLLM checks."""
    free = memory.free_memory()
    if free is None or any(order.device != "cpu" for order in orders):
        return
    needs = [(order.served_name, needed.total) for order in orders if (needed := need(order)) is not None]
    total = sum(size for _, size in needs)
    if total > free:
        told = ", ".join(f"{name} {memory.gib(size)}" for name, size in needs)
        raise SettingsError(
            f"serving: its engines need {memory.gib(total)} ({told}) and {memory.gib(free)} are free: lower kv_cache_gib or "
            "replicas, or choose smaller models"
        )


def need(order: EngineOrder) -> Need | None:
    """What the order takes of the machine; None where the model's config does not tell."""
    shape = shape_of(Path(order.model_path))
    return memory.need(
        shape,
        order.device,
        element=element(order, shape),
        context=context(order, shape),
        cache=flags.cache_bytes(order),
        cache_dtype=str(order.engine_args.get("kv_cache_dtype", "auto")),
        quantization=order.engine_args.get("quantization"),
        copies=int(order.engine_args.get("data_parallel_size", 1)),
    )


def context(order: EngineOrder, shape: Shape) -> int:
    """Tokens."""
    return order.max_model_len or shape.context or PLAIN_CONTEXT


def element(order: EngineOrder, shape: Shape) -> int:
    """Bytes of one number once loaded."""
    asked = str(order.engine_args.get("dtype", "auto"))
    if asked in BYTES:
        return BYTES[asked]
    if order.device == "cpu" and flags.cpu_dtype(flags.cpu_flags(flags.cpuinfo()), order.task) in BYTES:
        return BYTES["float32"]
    return max(shape.element, 2)


def room(order: EngineOrder) -> int | None:
    """Bytes that the engine can have: of the machine, or of the cards that it spreads over."""
    if order.device == "cpu":
        return memory.free_memory()
    cards = memory.free_on_cards()
    return sum(sorted(cards, reverse=True)[: spread(order)]) if cards else None


def spread(order: EngineOrder) -> int:
    """The cards of one engine."""
    return math.prod(int(order.engine_args.get(name, 1)) for name in SPREAD)

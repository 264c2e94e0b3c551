"""Whether this machine has room for an engine: its order's needs beside what is free here."""

from pathlib import Path

from serving import memory
from serving.engine import flags
from serving.models.shape import BYTES, Shape, shape_of
from serving.order import EngineOrder

PLAIN_CONTEXT = 4096


def check(order: EngineOrder) -> None:
    """Raises SettingsError with the numbers when the model cannot fit, as often as engines share the machine; what neither model
    nor machine tells is left to vLLM.
    """
    shape = shape_of(Path(order.model_path))
    context = order.max_model_len or shape.context or PLAIN_CONTEXT
    needed = memory.need(shape, order.device, element=element(order, shape), context=context, cache=flags.cache_bytes(order))
    free = room(order)
    if needed is not None and free is not None:
        memory.check(needed, free, context=context, engines=order.sharing)


def element(order: EngineOrder, shape: Shape) -> int:
    """Bytes of one number once loaded."""
    asked = str(order.engine_args.get("dtype", "auto"))
    if asked in BYTES:
        return BYTES[asked]
    if order.device == "cpu" and flags.cpu_dtype(flags.cpu_flags(flags.cpuinfo())) in BYTES:
        return BYTES["float32"]
    return max(shape.element, 2)


def room(order: EngineOrder) -> int | None:
    """Bytes that the engine can have: of the machine, or of the cards that it spreads over."""
    if order.device == "cpu":
        return memory.free_memory()
    cards = memory.free_on_cards()
    return sum(sorted(cards, reverse=True)[: spread(order) * order.sharing]) if cards else None


def spread(order: EngineOrder) -> int:
    """The cards of one engine."""
    return int(order.engine_args.get("tensor_parallel_size", 1)) * int(order.engine_args.get("pipeline_parallel_size", 1))

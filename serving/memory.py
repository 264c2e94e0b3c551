"""Whether a model fits the machine: told with the numbers, before any weight is read."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from serving.errors import SettingsError
from serving.models.shape import Shape
from serving.order import Device

GIB = 1 << 30
# vLLM's own modules, the tokenizer and the working space of a step: seen on CPU, estimated for a GPU
OVERHEAD = {"cpu": int(1.6 * GIB), "cuda": int(2.5 * GIB)}
ASK_S = 10


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes. `cache`: the KV cache that is asked for, or at the least one conversation of the whole context."""

    weights: int
    cache: int
    overhead: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.overhead


def need(
    shape: Shape,
    device: Device,
    *,
    element: int,
    context: int,
    cache: int | None,
    cache_dtype: str = "auto",
    quantization: str | None = None,
    copies: int = 1,
) -> Need | None:
    """What an engine takes; None where the model's config does not tell. `element`: bytes of one number when loaded; `copies`: of
    the whole model, beside one another, each with a cache of its own.
    """
    one = shape.kv_bytes(context, element, cache_dtype)
    if one is None:
        return None
    kept = max(cache or 0, one) if one else 0  # what keeps nothing is given no cache, whatever was asked for
    return Need(shape.loaded(element, quantization) * copies, kept * copies, OVERHEAD[device] * copies)


def check(needed: Need, room: int, *, context: int, table: str = "serving") -> None:
    """Raises SettingsError with the numbers when it cannot fit; `table` of the settings is where the model is named."""
    if needed.total > room:
        raise SettingsError(
            f"{table}.model: it needs {gib(needed.total)} (weights {gib(needed.weights)}, KV cache {gib(needed.cache)}, "
            f"vLLM itself {gib(needed.overhead)}) and {gib(room)} are free; one text may have {context:,} tokens: "
            "choose a smaller or quantised model, or lower "
            f"{table}.max_model_len or {table}.kv_cache_gib"
        )


def free_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes that a new process can have; None where the system does not tell."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def free_on_cards(command: str = "nvidia-smi") -> list[int] | None:
    """Free bytes of each NVIDIA card; None where they cannot be asked."""
    try:
        told = subprocess.run(  # noqa: S603  the driver's own program
            [command, "--query-gpu=memory.free", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=ASK_S,
            check=True,
        )
        return [int(line) << 20 for line in told.stdout.split()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"

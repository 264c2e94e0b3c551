"""Settings for common machines. A preset fills what `[serving]` leaves open; a key that is set there stays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serving.order import Device

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Preset:
    """`memory_gib` of each of the `gpus` cards, or of the machine where there are none; `share` of it is the engine's."""

    name: str
    about: str
    device: Device
    memory_gib: int
    share: float
    gpus: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """Bytes for weights and KV cache together."""
        return int(self.memory_gib * max(self.gpus, 1) * self.share * GIB)


# A step of few tokens keeps what streams already from waiting for a long prompt, and a stopped answer from running on; a GPU
# needs more of them in a step to be busy.
PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "laptop",
            "a CPU of 2-8 cores, 16 GB",
            "cpu",
            16,
            0.5,
            values={"device": "cpu", "kv_cache_gib": 2.0, "max_num_seqs": 16, "max_num_batched_tokens": 128},
        ),
        Preset(
            "gpu-24gb",
            "one GPU of 24 GB",
            "cuda",
            24,
            0.9,
            gpus=1,
            values={
                "device": "cuda",
                "max_num_seqs": 128,
                "max_num_batched_tokens": 4096,
                "gpu_memory_utilization": 0.9,
            },
        ),
        Preset(
            "gpu-80gb",
            "one GPU of 80 GB",
            "cuda",
            80,
            0.92,
            gpus=1,
            values={
                "device": "cuda",
                "max_num_seqs": 256,
                "max_num_batched_tokens": 8192,
                "gpu_memory_utilization": 0.92,
            },
        ),
        Preset(
            "gpu-8x80gb",
            "eight GPUs of 80 GB, one model over all of them",
            "cuda",
            80,
            0.92,
            gpus=8,
            values={
                "device": "cuda",
                "max_num_seqs": 512,
                "max_num_batched_tokens": 16384,
                "gpu_memory_utilization": 0.92,
                "tensor_parallel_size": 8,
            },
        ),
    )
}

"""What the supervisor tells an engine child: one JSON line on the child's standard input.

The pipe stays open for the child's whole life: its end is the sign that the supervisor has died.
The key travels here and not in the arguments, which any user of the machine may read.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class EngineOrder:
    """One engine to run: where, what, how much. `restarts`: how many ran in its place before."""

    model_path: str
    served_name: str
    device: Device
    host: str
    port: int
    api_key: str = field(repr=False)
    max_model_len: int | None
    kv_cache_gib: float | None
    max_num_seqs: int
    max_queued_requests: int
    max_background: int
    shutdown_s: int
    engine_args: dict[str, Any]
    restarts: int = 0

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "EngineOrder":
        return cls(**json.loads(line))

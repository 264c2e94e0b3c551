"""What the supervisor tells an engine child: one JSON line on the child's standard input.

The pipe stays open for the child's whole life: its end is the sign that the supervisor has died.
The key travels here and not in the arguments, which any user of the machine may read.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Device = Literal["cpu", "cuda"]
Task = Literal["generate", "embed"]


@dataclass(frozen=True, slots=True)
class LoraOrder:
    """LoRA at this engine. `root`: the model store; `folders`: those of the settings, by name; `max_loras` in one step."""

    root: str
    max_loras: int
    max_loaded: int
    max_rank: int
    folders: dict[str, str]


@dataclass(frozen=True, slots=True)
class EngineOrder:
    """One engine to run: where, what, how much.

    `task`: what it is asked for, answers or embeddings of texts; `replica`: its name among several; `sharing`: engines that share
    this machine's cores; `cards`: the GPUs this one may use, "" for all; `open_health`: /health answers without a key from
    anywhere; `restarts`: how many ran in its place before.
    """

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
    task: Task = "generate"
    lora: LoraOrder | None = None
    replica: str = ""
    sharing: int = 1
    cards: str = ""
    open_health: bool = False
    restarts: int = 0

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "EngineOrder":
        told = json.loads(line)
        lora = told.pop("lora", None)
        return cls(**told, lora=LoraOrder(**lora) if lora else None)

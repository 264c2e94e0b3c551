"""The common options of vLLM as keys of `[serving]`, under vLLM's own names. What is not set is not passed on.

vLLM's own parser and configuration judge the values, before any weight is read: this checks only what they would not see.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from serving.errors import SettingsError
from serving.order import Device

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Dtype = Literal["auto", "half", "float16", "bfloat16", "float", "float32"]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
# the node's own, whatever the task
OURS = frozenset(
    {
        "api_key",
        "api_server_count",
        "config",
        "convert",
        "disable_log_stats",  # what an engine has done is how the node sees that it lives
        "disable_uvicorn_access_log",
        "download_dir",
        "enable_lora",
        "headless",
        "host",
        "kv_cache_memory_bytes",
        "lora_modules",
        "max_cpu_loras",
        "max_lora_rank",
        "max_loras",
        "max_num_queued_reqs",
        "middleware",
        "model",
        "port",
        "root_path",
        "runner",
        "served_model_name",
        "shutdown_timeout",
        "ssl_ca_certs",
        "ssl_certfile",
        "ssl_keyfile",
        "uds",
    }
)


class EngineOptions(BaseModel):
    """`None` leaves the choice to vLLM. Shares are of a card's memory; `max_num_batched_tokens` are the tokens of one step."""

    dtype: Dtype | None = None
    quantization: Word | None = None
    kv_cache_dtype: Word | None = None
    gpu_memory_utilization: Share | None = None
    tensor_parallel_size: Count | None = None
    pipeline_parallel_size: Count | None = None
    data_parallel_size: Count | None = None
    max_num_batched_tokens: Count | None = None
    enable_chunked_prefill: bool | None = None
    enable_prefix_caching: bool | None = None
    speculative_config: dict[str, Any] | None = None
    chat_template: str | None = None

    @field_validator("chat_template")
    @classmethod
    def _a_file(cls, named: str | None) -> str | None:
        """The text of a template would pass too in vLLM, and a wrong path is one."""
        if named is None:
            return None
        path = Path(named).expanduser().absolute()
        if not path.is_file():
            raise ValueError(f"{path} is no file")
        return str(path)

    def given(self) -> dict[str, Any]:
        """The options that are set, by vLLM's names."""
        return {name: value for name in EngineOptions.model_fields if (value := getattr(self, name)) is not None}


def checked(args: Mapping[str, Any], keys: Collection[str], table: str) -> None:
    """Of `engine_args`: names as vLLM spells its fields, none that the node sets, none that is a key of its table (two places
    for one option could differ). Raises ValueError.
    """
    for name in args:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(f"{name!r} is not an option name: write block_size for --block-size")
        if name in OURS:
            raise ValueError(f"{name} is set by the node itself or by another key of [{table}]")
        if name in keys:
            raise ValueError(f"{name} is a key of [{table}] itself: write {name} = ... there")


def check_device(device: Device, args: Mapping[str, Any]) -> None:
    """What vLLM itself would accept and then not do. Raises SettingsError."""
    if device == "cpu" and (args.get("data_parallel_size") or 1) > 1:
        raise SettingsError(
            "serving.data_parallel_size: copies of a model beside one another need GPUs; on a CPU set serving.replicas"
        )

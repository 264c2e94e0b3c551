"""The `[serving]` section: read from TOML and the environment, checked here, wrong keys named."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from serving.errors import SettingsError
from serving.presets import PRESETS

PREFIX = "FRONTDESK_SERVING__"
TABLES = frozenset({"engine_args", "lora"})
OURS = frozenset(
    {
        "api_key",
        "api_server_count",
        "config",
        "data_parallel_size",
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
        "max_model_len",
        "max_num_queued_reqs",
        "max_num_seqs",
        "middleware",
        "model",
        "port",
        "root_path",
        "served_model_name",
        "shutdown_timeout",
        "ssl_ca_certs",
        "ssl_certfile",
        "ssl_keyfile",
        "uds",
    }
)


class LoraSettings(BaseModel):
    """LoRA of one node; 0 `max_loras`: none. `folders`: name -> folder, loaded at each start."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    max_loras: Annotated[int, Field(ge=0, le=1024)] = 0
    max_loaded: Annotated[int, Field(ge=1, le=1024)] = 16
    max_rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] = 16
    folders: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agreeing(self) -> "LoraSettings":
        if self.folders and not self.max_loras:
            raise ValueError("folders are named and max_loras is 0, which is off: set max_loras")
        if self.max_loras > self.max_loaded:
            raise ValueError("max_loras may not be above max_loaded")
        if len(self.folders) > self.max_loaded:
            raise ValueError(f"{len(self.folders)} folders are named and max_loaded is {self.max_loaded}")
        return self


class ServingSettings(BaseModel):
    """Settings of one node; times in seconds, `None` leaves the choice to the device and the model."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    preset: str = ""
    model: Annotated[str, Field(min_length=1)] = "smollm2-135m-instruct"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8001
    api_key: str = Field(default="", repr=False)
    replicas: Annotated[int, Field(ge=1)] = 1
    max_model_len: Annotated[int, Field(ge=128)] | None = None
    kv_cache_gib: Annotated[float, Field(gt=0)] | None = None
    max_num_seqs: Annotated[int, Field(ge=1)] = 64
    max_queued_requests: Annotated[int, Field(ge=1)] = 256
    max_background: Annotated[int, Field(ge=1)] = 2
    engine_args: dict[str, Any] = Field(default_factory=dict)
    lora: LoraSettings = LoraSettings()
    models_dir: str = ""
    start_timeout_s: Annotated[float, Field(gt=0)] = 600.0
    hang_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    shutdown_s: Annotated[int, Field(ge=1)] = 5
    port_wait_s: Annotated[float, Field(ge=0)] = 30.0

    @field_validator("replicas")
    @classmethod
    def _one_replica(cls, count: int) -> int:
        if count > 1:
            raise ValueError("this release runs 1 engine a node; start more nodes for more")
        return count

    @field_validator("api_key")
    @classmethod
    def _printable_key(cls, key: str) -> str:
        if not all("!" <= c <= "~" for c in key):
            raise ValueError("a key is printable ASCII without spaces")
        return key

    @field_validator("engine_args")
    @classmethod
    def _not_ours(cls, args: dict[str, Any]) -> dict[str, Any]:
        for name in args:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"{name!r} is not an option name: write max_num_batched_tokens for --max-num-batched-tokens")
            if name in OURS:
                raise ValueError(f"{name} is set by the node itself or by another key of [serving]")
        return args

    @property
    def models_root(self) -> Path:
        return Path(self.models_dir).expanduser() if self.models_dir else default_models_root(os.environ)


def default_models_root(environ: Mapping[str, str]) -> Path:
    cache = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "frontdesk" / "models"


def load(config: Path | None, environ: Mapping[str, str]) -> ServingSettings:
    """Settings of the node from the file's `[serving]` and the environment, which beats it.

    Without `config` the path in FRONTDESK_CONFIG is read, then nothing. Raises SettingsError.
    """
    named = config or (Path(environ["FRONTDESK_CONFIG"]) if environ.get("FRONTDESK_CONFIG") else None)
    section = _section(named) if named else {}
    return parse(merge(section, from_environment(environ)))


def parse(section: Mapping[str, Any]) -> ServingSettings:
    """Check one `[serving]` table, a preset under it; raises SettingsError with a line that names the key, never a secret."""
    try:
        return ServingSettings.model_validate(merge(_preset(section.get("preset", "")), section))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(["serving", *(str(part) for part in first["loc"])])
        what = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{key}: {what}") from None


def _preset(name: Any) -> Mapping[str, Any]:
    if name == "":
        return {}
    if not isinstance(name, str) or name not in PRESETS:
        raise SettingsError(f"serving.preset: {name!r} is none of {', '.join(PRESETS)}")
    return PRESETS[name].values


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """The table the FRONTDESK_SERVING__ variables spell; `..._FILE` reads a secret from a file."""
    table: dict[str, Any] = {}
    for name in sorted(environ):
        if name.startswith(PREFIX):
            path = name.removeprefix(PREFIX).lower().split("__")
            _put(table, path, environ[name], name)
    return table


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _put(table: dict[str, Any], path: list[str], text: str, name: str) -> None:
    *above, last = path
    for key in above:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{name}: serving.{key} is given as a value and as a table")
    if not above and last == "api_key_file":
        table["api_key"] = _secret(Path(text), name)
    elif above or last in TABLES:
        table[last] = _json(text, name, whole=not above)
    else:
        table[last] = text


def _json(text: str, name: str, *, whole: bool) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if whole:
            raise SettingsError(f"{name}: serving.{name.removeprefix(PREFIX).lower()} wants a JSON object") from None
        return text


def _secret(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: serving.api_key cannot be read from {path}: {error}") from error


def _section(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    section = document.get("serving", {})
    if not isinstance(section, dict):
        raise SettingsError(f"{path}: serving must be a table")
    return section

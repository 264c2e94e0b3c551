"""The `[serving]` section: read from TOML and the environment, checked here, wrong keys named."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from serving.embeddings import EmbeddingSettings
from serving.errors import SettingsError
from serving.lora.settings import LoraSettings
from serving.options import EngineOptions, checked
from serving.presets import PRESETS

PREFIX = "FRONTDESK_SERVING__"
WRITTEN_AS_JSON = {
    "embeddings": "object",
    "engine_args": "object",
    "lora": "object",
    "nodes": "list",
    "speculative_config": "object",
}


class ServingSettings(EngineOptions):
    """Settings of one node; times in seconds, `None` leaves the choice to the device and the model."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    preset: str = ""
    model: Annotated[str, Field(min_length=1)] = "smollm2-135m-instruct"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8001
    api_key: str = Field(default="", repr=False)
    replicas: Annotated[int, Field(ge=0, le=64)] = 1
    nodes: Annotated[list[str], Field(max_length=64)] = Field(default_factory=list)
    open_health: bool = False
    max_model_len: Annotated[int, Field(ge=128)] | None = None
    kv_cache_gib: Annotated[float, Field(gt=0)] | None = None
    max_num_seqs: Annotated[int, Field(ge=1)] = 64
    max_queued_requests: Annotated[int, Field(ge=1)] = 256
    max_background: Annotated[int, Field(ge=1)] = 2
    engine_args: dict[str, Any] = Field(default_factory=dict)
    embeddings: EmbeddingSettings | None = None
    lora: LoraSettings = LoraSettings()
    models_dir: str = ""
    start_timeout_s: Annotated[float, Field(gt=0)] = 600.0
    hang_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    shutdown_s: Annotated[int, Field(ge=1)] = 5
    drain_s: Annotated[float, Field(ge=0)] = 120.0
    port_wait_s: Annotated[float, Field(ge=0)] = 30.0

    @field_validator("nodes")
    @classmethod
    def _urls(cls, nodes: list[str]) -> list[str]:
        for node in nodes:
            if not re.fullmatch(r"https?://[^/\s@?#\"'\\]+", node):
                raise ValueError(f"{node!r} is not the address of a node: write http://HOST:PORT")
        if len(set(nodes)) < len(nodes):
            raise ValueError("a node is named twice")
        return nodes

    @model_validator(mode="after")
    def _somebody_answers(self) -> "ServingSettings":
        if self.replicas == 0 and not self.nodes:
            raise ValueError("replicas = 0 needs nodes on other machines: name them in serving.nodes")
        if self.nodes and not self.api_key:
            raise ValueError("serving.nodes needs serving.api_key, the same on each of them")
        return self

    @field_validator("api_key")
    @classmethod
    def _printable_key(cls, key: str) -> str:
        if not all("!" <= c <= "~" for c in key):
            raise ValueError("a key is printable ASCII without spaces")
        return key

    @field_validator("engine_args")
    @classmethod
    def _not_ours(cls, args: dict[str, Any]) -> dict[str, Any]:
        checked(args, cls.model_fields, "serving")
        return args

    @property
    def vllm_args(self) -> dict[str, Any]:
        """What goes to vLLM under its own names: the keys of [serving] that are its options, and `engine_args`."""
        return self.given() | self.engine_args

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
    elif above or last in WRITTEN_AS_JSON:
        table[last] = _json(text, name, whole=last if not above else "")
    else:
        table[last] = text


def _json(text: str, name: str, *, whole: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if whole:
            raise SettingsError(f"{name}: serving.{whole} wants a JSON {WRITTEN_AS_JSON[whole]}") from None
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

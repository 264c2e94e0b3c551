"""The sections that belong to bot itself. Frozen; an unknown key is an error; times are in the unit of the name."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PROMPT = (
    "You are a friendly customer-service assistant. Answer briefly and honestly, in the customer's language. "
    "If you do not know something, say so."
)


def _database_url(value: str) -> str:
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError("is not a database URL; write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME") from None
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ValueError(f"{url.drivername} is not supported; use sqlite or postgresql+psycopg")
    if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
        raise ValueError("an SQLite database needs a file, since everything accepted must survive a restart")
    return url.render_as_string(hide_password=False)


def _http_url(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("should start with http:// or https://")
    try:
        parts = urlsplit(value)
        named = not value or (parts.hostname and parts.port != 0)
    except ValueError:  # a bracket left open, or a port that is none
        named = False
    if not named:
        raise ValueError("is not a web address; write one such as http://127.0.0.1:8001/v1")
    return value.rstrip("/")


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not an IANA time zone; write one like Europe/Berlin") from None
    return value


Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DatabaseSettings(Section):
    """Where everything is kept. `lease_s`: how long a worker may be silent before another takes its conversation."""

    url: Annotated[str, AfterValidator(_database_url), Field(repr=False)] = "sqlite:///frontdesk.db"
    lease_s: Annotated[float, Field(ge=1, le=600)] = 10

    @property
    def parsed(self) -> URL:
        return make_url(self.url)

    @property
    def sqlite_file(self) -> Path | None:
        """The file of an SQLite database, else None."""
        url = self.parsed
        return Path(url.database or "") if url.drivername == "sqlite" else None


class GenerationSettings(Section):
    """Who answers. Empty `url`: a node of our own. `max_concurrent`: most answers at once; 0: what the node takes."""

    url: Annotated[str, AfterValidator(_http_url)] = ""
    model: Annotated[str, Field(min_length=1)] = "smollm2-135m-instruct"
    api_key: SecretStr = SecretStr("")
    dialect: Literal["auto", "vllm", "openai"] = "auto"
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 512
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    first_token_timeout_s: Seconds = 60
    idle_timeout_s: Seconds = 20
    total_timeout_s: Seconds = 300
    max_concurrent: Annotated[int, Field(ge=0, le=100_000)] = 0


class ConversationSettings(Section):
    """How a dialogue runs. `history_tokens` 0: from the model's context."""

    on_new_message: Literal["interrupt", "collect"] = "interrupt"
    debounce_ms: Annotated[int, Field(ge=0, le=60_000)] = 700
    history_tokens: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    answer_within_s: Annotated[float, Field(ge=1, le=604_800)] = 900


class SecuritySettings(Section):
    """Empty `secret_file`: made beside the SQLite file, readable by its owner only."""

    secret_file: str = ""


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class WorkspaceSettings(Section):
    """Seeds an empty database; later changes are made in the workspace itself."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "Frontdesk"
    timezone: Annotated[str, AfterValidator(_time_zone), Field(max_length=64)] = "UTC"
    prompt: Annotated[str, Field(min_length=1, max_length=100_000)] = PROMPT
    greeting: Annotated[str, Field(max_length=4_000)] = "Hello! How can I help you?"
    contact: Annotated[str, Field(max_length=2_000)] = ""
    model: Annotated[str, Field(max_length=200)] = ""

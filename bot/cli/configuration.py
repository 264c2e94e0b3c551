"""All sections of one process, each checked by its own package, and every key nobody knows refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import SettingsError
from bot.settings import (
    ConversationSettings,
    DatabaseSettings,
    GenerationSettings,
    LogSettings,
    SecuritySettings,
    Source,
    WorkspaceSettings,
    check_accounts,
    check_section,
    read_sources,
)

if TYPE_CHECKING:
    from adapters.discord.settings import DiscordSettings
    from adapters.telegram.settings import TelegramSettings
    from adapters.web.settings import WebSettings
    from serving.settings import ServingSettings

OWN = ("database", "generation", "conversation", "security", "log", "workspace")
# sections that hold a table for each account
ACCOUNTS = ("telegram", "discord")
SECTIONS = (*OWN, "web", "serving", *ACCOUNTS)


@dataclass(frozen=True, slots=True)
class Configuration:
    """`serving` is None when `generation.url` names a server: then nothing of it is read. `file`: what was read, if any."""

    database: DatabaseSettings
    generation: GenerationSettings
    conversation: ConversationSettings
    security: SecuritySettings
    log: LogSettings
    workspace: WorkspaceSettings
    web: "WebSettings"
    telegram: "Mapping[str, TelegramSettings]"
    discord: "Mapping[str, DiscordSettings]"
    serving: "ServingSettings | None"
    file: Path | None


def load(config: str | None, environment: Mapping[str, str]) -> Configuration:
    """Read and check everything. Raises SettingsError naming the first wrong key or file."""
    from adapters.web.settings import WebSettings

    source = read_sources(SECTIONS, config=config, environment=environment)
    generation = check_section(source, "generation", GenerationSettings)
    return Configuration(
        database=check_section(source, "database", DatabaseSettings),
        generation=generation,
        conversation=check_section(source, "conversation", ConversationSettings),
        security=check_section(source, "security", SecuritySettings),
        log=check_section(source, "log", LogSettings),
        workspace=check_section(source, "workspace", WorkspaceSettings),
        web=check_section(source, "web", WebSettings),
        telegram=_telegram(source),
        discord=_discord(source),
        serving=None if generation.url else _serving(source, environment, generation.model),
        file=source.file,
    )


def load_serving(config: str | None, environment: Mapping[str, str]) -> "ServingSettings":
    """The node's settings alone, whether or not this process would start one."""
    source = read_sources(SECTIONS, config=config, environment=environment)
    return _serving(source, environment, check_section(source, "generation", GenerationSettings).model)


def _serving(source: Source, environment: Mapping[str, str], model: str) -> "ServingSettings":
    """What our own node will read for itself, checked before anything starts. It serves `generation.model`, if told no other."""
    from serving.errors import ServingError
    from serving.settings import load as load_serving

    try:
        settings = load_serving(source.file, environment)
    except ServingError as error:
        raise SettingsError(str(error)) from error
    if "model" not in source.tables.get("serving", {}):
        return settings.model_copy(update={"model": model})
    if "model" in source.tables.get("generation", {}) and settings.model != model:
        raise SettingsError(f"[generation] model is {model} and [serving] model {settings.model}: name one, or the same in both")
    return settings


def _telegram(source: Source) -> "Mapping[str, TelegramSettings]":
    if "telegram" not in source.tables:
        return {}
    from adapters.telegram.settings import TelegramSettings

    return check_accounts(source, "telegram", TelegramSettings)


def _discord(source: Source) -> "Mapping[str, DiscordSettings]":
    if "discord" not in source.tables:
        return {}
    from adapters.discord.settings import DiscordSettings, one_place

    accounts = check_accounts(source, "discord", DiscordSettings)
    one_place(accounts)
    return accounts

"""The example file names every setting with its default, and loads."""

import re
import tomllib
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from adapters.discord.settings import DiscordSettings
from adapters.telegram.settings import TelegramSettings
from adapters.web.settings import WebSettings
from bot.cli import configuration
from bot.settings import (
    ConversationSettings,
    DatabaseSettings,
    GenerationSettings,
    LogSettings,
    SecuritySettings,
    WorkspaceSettings,
)
from serving.embeddings import EmbeddingSettings
from serving.options import EngineOptions
from serving.settings import ServingSettings

FILE = Path(__file__).resolve().parent.parent.parent / "frontdesk.example.toml"
MODELS: dict[str, type[BaseModel]] = {
    "database": DatabaseSettings,
    "generation": GenerationSettings,
    "conversation": ConversationSettings,
    "security": SecuritySettings,
    "log": LogSettings,
    "workspace": WorkspaceSettings,
    "web": WebSettings,
    "serving": ServingSettings,
    "telegram.main": TelegramSettings,
    "discord.main": DiscordSettings,
}
# without a default: a commented line shows how it is written
UNSET = {("serving", name) for name in ("max_model_len", "kv_cache_gib", *EngineOptions.model_fields)}
# a table that asks for something by being there: all of it is a comment
ABSENT = {("serving", "embeddings"): EmbeddingSettings}


def test_every_section_of_this_release_is_there() -> None:
    assert set(tomllib.loads(FILE.read_text())) == {name.split(".")[0] for name in MODELS} == set(configuration.SECTIONS)


@pytest.mark.parametrize("section", MODELS)
def test_every_key_is_there_with_its_default(section: str) -> None:
    written, model = reduce(getitem, section.split("."), tomllib.loads(FILE.read_text())), MODELS[section]
    defaults = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
    for name, value in defaults.items():
        if (section, name) in ABSENT:
            assert value is None
        elif (section, name) in UNSET:
            assert value is None
            assert re.search(rf"^# {name} = \S", FILE.read_text(), re.MULTILINE)
        else:
            assert written.pop(name) == plain(value), name
    assert written == {}, "keys that no model has"


def plain(value: object) -> object:
    """A default as TOML holds it."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case BaseModel():
            return value.model_dump()
        case tuple():
            return list(value)
    return value


@pytest.mark.parametrize(("place", "model"), ABSENT.items())
def test_a_table_that_is_not_there_is_shown_with_all_its_keys_and_defaults(
    place: tuple[str, str], model: type[EmbeddingSettings]
) -> None:
    _, header, after = FILE.read_text().partition(f"# [{'.'.join(place)}]")
    lines = [line.removeprefix("# ") for line in after.split("\n\n")[0].splitlines()[1:]]
    shown = tomllib.loads("\n".join(lines))
    assert header
    assert set(shown) == set(model.model_fields)
    model.model_validate(shown)
    for name, value in model().model_dump(exclude_none=True).items():
        assert shown[name] == value, name


def test_every_key_says_what_it_is() -> None:
    for line in FILE.read_text().splitlines():
        if re.match(r"(# )?\w+ = ", line) and not line.startswith("prompt"):
            assert re.search(r"\s# \S.{5,}$", line), line


def test_it_loads_as_it_stands() -> None:
    assert configuration.load(str(FILE), {}) == configuration.load(str(FILE), {"FRONTDESK_LOG__LEVEL": "info"})

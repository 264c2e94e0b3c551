"""Where settings come from, and what a wrong one says."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from bot.errors import SettingsError
from bot.settings import (
    ConversationSettings,
    DatabaseSettings,
    GenerationSettings,
    WorkspaceSettings,
    check_section,
    read_sources,
)

SECTIONS = {"database", "generation", "conversation", "workspace"}


class Engine(BaseModel, extra="forbid"):
    origins: list[str] = []
    engine_args: dict[str, object] = {}


def load(
    tmp_path: Path, section: str, model: type[BaseModel], toml: str = "", environment: dict[str, str] | None = None
) -> BaseModel:
    file = tmp_path / "shop.toml"
    file.write_text(toml)
    return check_section(read_sources(SECTIONS, config=str(file), environment=environment or {}), section, model)


def test_no_file_at_all_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = read_sources(SECTIONS, config=None, environment={})
    assert check_section(source, "database", DatabaseSettings).url == "sqlite:///frontdesk.db"
    assert source.file is None


def test_the_file_in_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("frontdesk.toml").write_text("[conversation]\ndebounce_ms = 5\n")
    assert (
        check_section(read_sources(SECTIONS, config=None, environment={}), "conversation", ConversationSettings).debounce_ms == 5
    )


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    for config, environment in ((str(tmp_path / "no.toml"), {}), (None, {"FRONTDESK_CONFIG": str(tmp_path / "no.toml")})):
        with pytest.raises(SettingsError, match=r"no\.toml: no such settings file"):
            read_sources(SECTIONS, config=config, environment=environment)


def test_the_environment_beats_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "conversation",
        ConversationSettings,
        "[conversation]\ndebounce_ms = 5\nhistory_tokens = 9\n",
        {"FRONTDESK_CONVERSATION__DEBOUNCE_MS": "80"},
    )
    assert settings == ConversationSettings(debounce_ms=80, history_tokens=9)


def test_variables_of_others_are_ignored(tmp_path: Path) -> None:
    environment = {"FRONTDESK_CONFIG": "", "FRONTDESK_THEME__X": "1", "FRONTDESK_DATABASE": "x", "DATABASE__URL": "y"}
    assert load(tmp_path, "database", DatabaseSettings, "", environment) == DatabaseSettings()


def test_lists_and_tables_are_json_and_deeper_names_descend(tmp_path: Path) -> None:
    environment = {
        "FRONTDESK_DATABASE__ORIGINS": '["https://a.example"]',
        "FRONTDESK_DATABASE__ENGINE_ARGS__ENFORCE_EAGER": "true",
        "FRONTDESK_DATABASE__ENGINE_ARGS__DTYPE": "bfloat16",
    }
    engine = load(tmp_path, "database", Engine, "", environment)
    assert engine == Engine(origins=["https://a.example"], engine_args={"enforce_eager": True, "dtype": "bfloat16"})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-abc\n")
    settings = load(tmp_path, "generation", GenerationSettings, "", {"FRONTDESK_GENERATION__API_KEY_FILE": str(tmp_path / "key")})
    assert isinstance(settings, GenerationSettings)
    assert settings.api_key.get_secret_value() == "sk-abc"
    assert "sk-abc" not in repr(settings)


def test_the_database_url_may_come_from_a_file_since_it_holds_a_password(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://shop:hunter2@host/shop\n")
    environment = {"FRONTDESK_DATABASE__URL_FILE": str(tmp_path / "url")}
    settings = load(tmp_path, "database", DatabaseSettings, "", environment)
    assert isinstance(settings, DatabaseSettings)
    assert settings.parsed.password == "hunter2"
    (tmp_path / "url").write_text("mysql://shop:hunter2@host/shop\n")
    with pytest.raises(SettingsError, match=r"^FRONTDESK_DATABASE__URL_FILE: mysql is not supported") as caught:
        load(tmp_path, "database", DatabaseSettings, "", environment)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "model", "toml", "environment", "said"),
    [
        # a typing error names the key that was meant
        (
            "conversation",
            ConversationSettings,
            "[conversation]\ndebounce = 1\n",
            {},
            "[conversation] debounce: unknown key, did you mean debounce_ms?",
        ),
        ("conversation", ConversationSettings, "[conversation]\nxyz = 1\n", {}, "known are answer_within_s"),
        ("database", DatabaseSettings, "[databse]\n", {}, "[databse]: unknown section"),
        ("database", DatabaseSettings, "database = 1\n", {}, "database should be a section"),
        ("database", DatabaseSettings, "[database\n", {}, "not valid TOML"),
        # the variable is named when the value came from one
        (
            "conversation",
            ConversationSettings,
            "",
            {"FRONTDESK_CONVERSATION__DEBOUNCE_MS": "soon"},
            "FRONTDESK_CONVERSATION__DEBOUNCE_MS: should be a whole number",
        ),
        (
            "conversation",
            ConversationSettings,
            "",
            {"FRONTDESK_CONVERSATION__X__Y": "1"},
            "FRONTDESK_CONVERSATION__X__Y: unknown",
        ),
        ("generation", GenerationSettings, "", {"FRONTDESK_GENERATION__API_KEY_FILE": "/no/such"}, "API_KEY_FILE: /no/such"),
        ("database", Engine, "", {"FRONTDESK_DATABASE__ORIGINS": "[oops"}, "FRONTDESK_DATABASE__ORIGINS: not valid JSON"),
        ("generation", GenerationSettings, "[generation]\nurl = 'localhost:8001'\n", {}, "[generation] url: should start with"),
        *(
            ("generation", GenerationSettings, f"[generation]\nurl = '{url}'\n", {}, "[generation] url: is not a web address")
            for url in ("http://", "http:///v1", "http://localhost:99999/v1", "http://localhost:port/v1", "http://[::1/v1")
        ),
        ("generation", GenerationSettings, "[generation]\ndialect = 'x'\n", {}, "[generation] dialect: should be 'auto', "),
        ("workspace", WorkspaceSettings, "[workspace]\ntimezone = 'Mars/Base'\n", {}, "[workspace] timezone: is not an IANA"),
        ("database", DatabaseSettings, "[database]\nurl = 'mysql://x/y'\n", {}, "[database] url: mysql is not supported"),
        ("database", DatabaseSettings, "[database]\nurl = 'sqlite://'\n", {}, "[database] url: an SQLite database needs a file"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    tmp_path: Path, section: str, model: type[BaseModel], toml: str, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, section, model, toml, environment)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_secret_is_never_repeated_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "database", DatabaseSettings, "[database]\nurl = 'mysql://me:hunter2@host/x'\n")
    assert "hunter2" not in str(caught.value)


def test_a_plain_postgresql_url_means_the_driver_we_use() -> None:
    url = DatabaseSettings(url="postgresql://me:hunter2@host/shop")
    assert url.parsed.drivername == "postgresql+psycopg"
    assert url.parsed.password == "hunter2"
    assert "hunter2" not in repr(url)

"""What `[discord.NAME]` may say, and that all accounts of a process find Discord in one place."""

import subprocess
import sys

import discord
import pytest
from discord.gateway import DiscordWebSocket
from pydantic import SecretStr, ValidationError

from adapters.discord.addresses import point_to
from adapters.discord.settings import API_BASE, GATEWAY_URL, DiscordSettings, one_place
from bot.errors import SettingsError


def on(**more: str) -> DiscordSettings:
    return DiscordSettings.model_validate({"token": "canary", **more})


def test_an_account_without_a_token_is_off_and_names_no_place() -> None:
    assert not DiscordSettings().enabled
    assert one_place({"main": DiscordSettings()}) is None


def test_the_real_discord_is_the_default() -> None:
    assert one_place({"main": on()}) == (API_BASE, GATEWAY_URL)


@pytest.mark.parametrize("key", ["api_base", "gateway_url"])
def test_accounts_that_differ_stop_the_start_and_both_keys_are_named(key: str) -> None:
    other = {"api_base": "http://127.0.0.1:1/api/v10", "gateway_url": "ws://127.0.0.1:1"}[key]
    with pytest.raises(SettingsError, match=rf"\[discord\.two\] {key} .*\[discord\.one\] {key}"):
        one_place({"one": on(), "two": on(**{key: other})})


def test_an_account_that_is_off_may_name_another_place() -> None:
    assert one_place({"one": on(), "two": DiscordSettings(api_base="http://127.0.0.1:1")}) == (API_BASE, GATEWAY_URL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_base": "discord.com"},
        {"api_base": "ftp://discord.com"},
        {"gateway_url": "https://gateway.discord.gg"},
        {"gateway_url": "wss://gateway.discord.gg?v=9"},
        {"staff_forum_id": "tickets"},
        {"token": "two words"},
        {"tokken": "x"},
    ],
)
def test_a_wrong_value_names_its_key_and_not_the_token(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as raised:
        DiscordSettings.model_validate({"token": "canary", **wrong})
    assert next(iter(wrong)) in str(raised.value)
    assert "canary" not in str(raised.value)


def test_an_id_may_be_written_as_a_number_and_a_token_with_what_surrounds_it() -> None:
    settings = DiscordSettings.model_validate({"token": " Bot abc\n", "staff_forum_id": 123})
    assert settings.staff_forum_id == "123"
    assert settings.token == SecretStr("abc")


def test_pointing_changes_two_values_of_the_library() -> None:
    before = discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    try:
        point_to("http://127.0.0.1:1/api/v10", "ws://127.0.0.1:1/gateway")
        assert discord.http.Route("GET", "/users/@me").url == "http://127.0.0.1:1/api/v10/users/@me"
        assert str(DiscordWebSocket.DEFAULT_GATEWAY) == "ws://127.0.0.1:1/gateway"
    finally:
        discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


def test_the_settings_do_not_load_the_sdk() -> None:
    asked = "import adapters.discord.settings, sys; print('discord' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "False\n"

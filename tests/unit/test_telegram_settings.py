"""[telegram.NAME]: wrong values name their key and say what to do; secrets are never shown."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.telegram.settings import TelegramSettings
from tests.telegram_double import TOKEN

HTTPS = "https://bot.example"

WRONG: list[tuple[dict[str, Any], str, str]] = [
    # no token, or half of one
    ({"token": "hunter2"}, "token", "@BotFather"),
    ({"token": "12 34:abc"}, "token", "@BotFather"),
    ({"token": "123:ab/../c"}, "token", "@BotFather"),
    # the token would be readable on the way
    ({"api_base": "http://api.telegram.org"}, "api_base", "https://"),
    ({"api_base": "http://127.0.0.1.evil.example"}, "api_base", "https://"),
    ({"api_base": "http://localhost.example"}, "api_base", "https://"),
    # no address that methods can be put behind
    ({"api_base": ""}, "api_base", "web address"),
    ({"api_base": "api.telegram.org"}, "api_base", "web address"),
    ({"api_base": "ftp://api.telegram.org"}, "api_base", "web address"),
    ({"api_base": "https://[::1"}, "api_base", "web address"),
    ({"api_base": "https://x:99999"}, "api_base", "web address"),
    ({"api_base": "https://x/?a=b"}, "api_base", "web address"),
    ({"api_base": "https://me:pw@x"}, "api_base", "web address"),
    ({"api_base": "https://x/{token}"}, "api_base", "web address"),
    # a webhook that Telegram cannot reach
    ({"mode": "webhook"}, "webhook_url", "is needed"),
    ({"mode": "webhook", "webhook_url": " "}, "webhook_url", "is needed"),
    ({"mode": "webhook", "webhook_url": "http://bot.example"}, "webhook_url", "https://"),
    ({"webhook_url": "bot.example"}, "webhook_url", "web address"),
    ({"webhook_secret": "with space"}, "webhook_secret", "1 to 256"),
    ({"webhook_secret": "ünsafe"}, "webhook_secret", "1 to 256"),
    ({"webhook_secret": "x" * 257}, "webhook_secret", "1 to 256"),
    # the rest
    ({"mode": "carrier pigeon"}, "mode", "polling"),
    ({"staff_chat_id": "@staff"}, "staff_chat_id", "-100"),
    ({"long_poll_s": 51}, "long_poll_s", "50"),
    ({"tokn": "x"}, "tokn", "Extra"),
]


@pytest.mark.parametrize(("values", "key", "words"), WRONG)
def test_a_wrong_value_names_its_key(values: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TelegramSettings(**values)
    [error] = raised.value.errors()
    assert error["loc"] == (key,)
    assert words in error["msg"]


@pytest.mark.parametrize("base", ["http://127.0.0.1:8081", "http://localhost:1", "http://[::1]:9/x", "https://proxy.example/tg/"])
def test_another_api_may_be_used_where_nobody_listens_in(base: str) -> None:
    assert TelegramSettings(api_base=base).api_base == base.rstrip("/")


def test_no_token_switches_the_account_off() -> None:
    assert not TelegramSettings().enabled
    assert TelegramSettings(token=TOKEN).enabled


def test_secrets_are_not_shown() -> None:
    settings = TelegramSettings(token=TOKEN, webhook_secret="hush-hush-hush")
    shown = f"{settings!r} {settings} {settings.model_dump_json()}"
    assert "CANARY" not in shown
    assert "hush" not in shown


def test_a_wrong_secret_is_not_quoted() -> None:
    with pytest.raises(ValidationError) as raised:
        TelegramSettings(token="my secret", webhook_secret="other secret!")
    assert "secret!" not in str(raised.value)
    assert "my secret" not in str(raised.value)


def test_a_staff_chat_may_be_written_as_a_number() -> None:
    """A variable of the environment that holds digits alone is a number by the time it comes here."""
    assert TelegramSettings(staff_chat_id=-1001).staff_chat_id == "-1001"
    assert TelegramSettings(token="1:one", webhook_secret=12345).secret == "12345"


def test_a_secret_is_made_from_the_token_where_none_is_set() -> None:
    one, two = TelegramSettings(token="1:one").secret, TelegramSettings(token="1:two").secret
    assert one == TelegramSettings(token="1:one").secret != two
    assert TelegramSettings(token="1:one", webhook_secret=one).secret == one  # so it is a legal one
    assert TelegramSettings(token="1:one", webhook_secret="mine").secret == "mine"


def test_the_public_address_has_our_path_unless_it_names_one_and_shows_which_secret_is_used() -> None:
    def url(**values: str) -> str:
        return TelegramSettings(token="1:one", mode="webhook", **values).public_url("shop")

    assert url(webhook_url=HTTPS).startswith("https://bot.example/telegram/shop?mark=")
    assert url(webhook_url=f"{HTTPS}/").startswith("https://bot.example/telegram/shop?mark=")
    assert url(webhook_url=f"{HTTPS}/hooks/tg").startswith("https://bot.example/hooks/tg?mark=")
    assert url(webhook_url=HTTPS) == url(webhook_url=HTTPS) != url(webhook_url=HTTPS, webhook_secret="mine")
    assert "mine" not in url(webhook_url=HTTPS, webhook_secret="mine")


def test_the_settings_do_not_import_the_sdk() -> None:
    code = "import sys, adapters.telegram.settings; sys.exit('aiogram' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

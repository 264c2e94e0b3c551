"""What `[discord.NAME]` may say, checked at start: a wrong value names its key. Does not load the SDK."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from bot.errors import SettingsError

API_BASE = "https://discord.com/api/v10"
GATEWAY_URL = "wss://gateway.discord.gg"


def _token(value: SecretStr) -> SecretStr:
    word = value.get_secret_value().strip().removeprefix("Bot ").strip()
    if any(letter.isspace() or not letter.isprintable() or ord(letter) > 126 for letter in word):
        raise ValueError("is not a bot token; copy it from the application's page in the developer portal, under Bot")
    return SecretStr(word)


def _address(value: str, schemes: tuple[str, ...], example: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"is not an address of {' or '.join(schemes)}; write one such as {example}")
    return value.strip().rstrip("/")


def _api_base(value: str) -> str:
    return _address(value, ("https", "http"), API_BASE)


def _gateway_url(value: str) -> str:
    return _address(value, ("wss", "ws"), GATEWAY_URL)


def _snowflake(value: str) -> str:
    if value and not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise ValueError("is not the id of a channel; switch on developer mode in Discord and copy the forum's id")
    return value


class DiscordSettings(BaseModel):
    """One `[discord.NAME]` section. An account without a token is off. `staff_forum_id`: the forum where agents see tickets."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    token: Annotated[SecretStr, AfterValidator(_token)] = SecretStr("")
    api_base: Annotated[str, AfterValidator(_api_base)] = API_BASE
    gateway_url: Annotated[str, AfterValidator(_gateway_url)] = GATEWAY_URL
    staff_forum_id: Annotated[str, AfterValidator(_snowflake)] = ""
    workspace: str = ""

    @property
    def enabled(self) -> bool:
        return bool(self.token.get_secret_value())


def one_place(accounts: Mapping[str, DiscordSettings]) -> tuple[str, str] | None:
    """(api_base, gateway_url) of all accounts that are on, which discord.py keeps once for the process; None without any.

    Raises SettingsError when two accounts name different ones.
    """
    enabled = {name: account for name, account in accounts.items() if account.enabled}
    if not enabled:
        return None
    first, model = next(iter(enabled.items()))
    for name, account in enabled.items():
        for key in ("api_base", "gateway_url"):
            if getattr(account, key) != getattr(model, key):
                raise SettingsError(
                    f"[discord.{name}] {key} is {getattr(account, key)}, but [discord.{first}] {key} is "
                    f"{getattr(model, key)}: all Discord accounts of one process must name the same {key}"
                )
    return model.api_base, model.gateway_url

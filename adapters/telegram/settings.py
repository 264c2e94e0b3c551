"""What `[telegram.NAME]` may say, checked at start: a wrong value names its key. Nothing of the SDK is imported here."""

import hmac
import re
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

OFFICIAL = "https://api.telegram.org"
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,200}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")  # setWebhook, secret_token
_CHAT = re.compile(r"-?[0-9]{1,20}")


def is_loopback(host: str | None) -> bool:
    """Whether a host of a URL is this machine: there a plain http address gives no token away."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _safe_address(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket left open, or a port that is none
        raise ValueError("is not a web address; write one such as https://bot.example") from None
    if not usable or parts.scheme not in {"http", "https"} or not re.fullmatch(r"[!-~]+", value) or re.search(r"[{}?#@]", value):
        raise ValueError("is not a plain web address; write scheme, host and path only, such as https://bot.example")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("should start with https:// (http:// is for this machine alone, since the token would be readable)")
    return parts


def _api_base(value: str) -> str:
    value = value.strip()
    _safe_address(value)
    return value.rstrip("/")


def _webhook_url(value: str) -> str:
    value = value.strip()
    if value:
        _safe_address(value)
    return value


def _token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if text and not _TOKEN.fullmatch(text):
        raise ValueError("is not a bot token; copy the whole line that @BotFather gave you, such as 123456:ABC-DEF")
    return SecretStr(text)


def _webhook_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text and not _SECRET.fullmatch(text):
        raise ValueError("should be 1 to 256 characters of A-Z, a-z, 0-9, _ and -; leave it empty to have one made")
    return value


def _chat_id(value: str) -> str:
    if value and not _CHAT.fullmatch(value):
        raise ValueError("is not a chat id; write one such as -1001234567890")
    return value


class TelegramSettings(BaseModel):
    """One account. An empty token switches it off; `long_poll_s` is how long Telegram may hold one getUpdates, in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    token: Annotated[SecretStr, AfterValidator(_token)] = SecretStr("")
    api_base: Annotated[str, AfterValidator(_api_base)] = OFFICIAL
    mode: Literal["polling", "webhook"] = "polling"
    webhook_url: Annotated[str, AfterValidator(_webhook_url), Field(validate_default=True)] = ""
    webhook_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] = SecretStr("")
    long_poll_s: Annotated[int, Field(ge=0, le=50)] = 50
    staff_chat_id: Annotated[str, AfterValidator(_chat_id)] = ""
    workspace: str = ""

    @field_validator("webhook_url")
    @classmethod
    def _named_where_needed(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("mode") == "webhook" and not value:
            raise ValueError("is needed when mode is webhook; write the https address at which Telegram reaches [web]")
        return value

    @property
    def enabled(self) -> bool:
        return bool(self.token.get_secret_value())

    @property
    def secret(self) -> str:
        """What webhook requests must carry: the one that is set, or one that follows from the token."""
        return self.webhook_secret.get_secret_value() or self._derived("secret of the webhook")

    def public_url(self, name: str) -> str:
        """Where Telegram shall post the updates of the account: our own path, unless the setting names one.

        The mark behind it follows from the secret: getWebhookInfo does not tell the secret, but by it shows that another is in
        use.
        """
        parts = urlsplit(self.webhook_url)
        path = parts.path if parts.path not in {"", "/"} else f"/telegram/{name}"
        return f"{parts.scheme}://{parts.netloc}{path}?mark={self._derived(self.secret)[:12]}"

    def _derived(self, purpose: str) -> str:
        return hmac.new(self.token.get_secret_value().encode(), purpose.encode(), "sha256").hexdigest()

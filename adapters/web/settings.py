"""What `[web]` may say, checked at start: a wrong value names its key."""

from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def _origin(value: str) -> str:
    parts = urlsplit(value.strip())
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise ValueError("is not an origin; write scheme and host, such as https://shop.example")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _public_url(value: str) -> str:
    if not value:
        return ""
    parts = urlsplit(value.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is not a web address; write one such as https://chat.example")
    return value.strip().rstrip("/")


def _network(value: str) -> str:
    try:
        return str(ip_network(value.strip(), strict=False))
    except ValueError:
        raise ValueError("is not an address or network; write one such as 10.0.0.0/8") from None


Port = Annotated[int, Field(ge=0, le=65535)]
PerMinute = Annotated[float, Field(ge=0, le=1_000_000)]


class WebSettings(BaseModel):
    """The `[web]` section. Rates are requests per minute (0 = off, loopback is exempt); sizes are bytes of UTF-8."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: Port = 8080
    private_host: str = "127.0.0.1"
    private_port: Port = 9080
    public_url: Annotated[str, AfterValidator(_public_url)] = ""
    origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    session_rate: PerMinute = 60
    ip_rate: PerMinute = 300
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    max_text_bytes: Annotated[int, Field(ge=1, le=1_048_576)] = 16_384
    identity_secret: SecretStr = SecretStr("")

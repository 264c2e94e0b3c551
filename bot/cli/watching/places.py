"""Where the node and the bot process tell their figures, as far as the settings say. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from bot.cli.configuration import Configuration

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  a wildcard is reached by loopback


@dataclass(frozen=True, slots=True)
class Place:
    """A process to ask. `url` has no path, and is "" where only the running instance knows it; `key` may be ""."""

    url: str
    key: str = field(default="", repr=False)
    advice: str = ""


def bot_place(configuration: Configuration) -> Place:
    """The private listener of `frontdesk run`."""
    web = configuration.web
    if web.private_port == 0:
        return Place("", advice="[web] private_port is 0: give it a number, so that others can ask for figures there")
    return Place(address(web.private_host, web.private_port), advice="is frontdesk run started?")


def node_place(configuration: Configuration) -> Place:
    """Our own node, or the server of `generation.url`: vLLM serves its figures beside /v1."""
    serving = configuration.serving
    if serving is None:
        generation = configuration.generation
        return Place(root(generation.url), generation.api_key.get_secret_value(), "start it, or correct generation.url")
    advice = "frontdesk run starts it; while it loads, this is as it should be"
    return Place(address(serving.host, serving.port) if serving.port else "", serving.api_key, advice)


def address(host: str, port: int) -> str:
    host = WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def root(url: str) -> str:
    """A server's address from that of its OpenAI API, without `/v1`, user or password."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/").removesuffix("/v1"), "", ""))


def told_node(detail: Mapping[str, object]) -> str:
    """The address of its node that a running instance tells beside its readiness; "" where it has none."""
    url = detail.get("node")
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        return address(parts.hostname, parts.port) if parts.scheme == "http" and parts.hostname and parts.port else ""
    except ValueError:  # a bracket left open, or a port that is none
        return ""

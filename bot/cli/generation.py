"""Where answers come from: a server that `generation.url` names, or a node of our own with a fresh key."""

import secrets
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.cli.configuration import Configuration
from bot.cli.node import NodeProcess


@dataclass(frozen=True, slots=True)
class Generation:
    """How to reach the server, and how many answers to ask of it at once (0: as many as it takes). `node_environment` is what our
    own node is told, None when it is somebody else's.
    """

    url: str
    model: str
    api_key: str
    max_concurrent: int
    node_environment: Mapping[str, str] | None = None

    @property
    def node(self) -> str:
        """The address of our own node, "" when it is somebody else's."""
        return "" if self.node_environment is None else self.url.removesuffix("/v1")


def plan(configuration: Configuration) -> Generation:
    """Decide where answers come from. A node of our own gets a free port when `serving.port` is 0."""
    settings, serving = configuration.generation, configuration.serving
    if serving is None:
        return Generation(settings.url, settings.model, settings.api_key.get_secret_value(), settings.max_concurrent)
    key = serving.api_key or secrets.token_urlsafe(32)
    port = serving.port or _free_port(serving.host)
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    return Generation(
        f"http://{host}:{port}/v1",
        serving.model,
        key,
        settings.max_concurrent,
        {
            "FRONTDESK_SERVING__API_KEY": key,
            "FRONTDESK_SERVING__PORT": str(port),
            "FRONTDESK_SERVING__MODEL": serving.model,
        },
    )


def _free_port(host: str) -> int:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return int(probe.getsockname()[1])


def node_process(
    generation: Generation,
    configuration: Configuration,
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None],
    ready: Callable[[str, str], None],
) -> NodeProcess | None:
    """The part that keeps our own node alive, or None."""
    if generation.node_environment is None:
        return None
    command = [sys.executable, "-m", "serving"]
    if configuration.file is not None:
        command += ["--config", str(configuration.file)]
    return NodeProcess(command, {**environment, **generation.node_environment}, say=say, ready=ready)

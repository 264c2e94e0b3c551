"""The doctor's look at generation: is the model here, does the engine answer, does it generate."""

import json
import urllib.error
import urllib.request
from typing import Any

from bot.cli.configuration import Configuration
from bot.cli.findings import Finding, fail, ok

ANSWER_S = 60.0
REACH_S = 5.0


def examine(configuration: Configuration) -> list[Finding]:
    if configuration.generation.url:
        return [_remote(configuration)]
    return []


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


def _ask(url: str, body: bytes | None, headers: dict[str, str], timeout_s: float) -> Any:
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  the settings allow http and https only
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout_s) as response:
        return json.loads(response.read(1_048_576) or b"null")

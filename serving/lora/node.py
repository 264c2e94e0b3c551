"""A running node as the commands meet it: three questions over HTTP, each with a deadline, errors in one line."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Literal

from serving.errors import LoraError

LOAD_S = 600.0  # it reads and sums the weights first
ASK_S = 10.0
MOST_BYTES = 1 << 20


class NodeAway(LoraError):
    """Nothing listens there."""


@dataclass(frozen=True, slots=True)
class LoraNode:
    """`url` without a path."""

    url: str
    api_key: str = field(repr=False)

    def load(self, name: str, version: int | Literal["previous"] | None, sha256: str = "") -> dict[str, Any]:
        """Load a version of its store, the newest where none is named; what it answers. Raises LoraError, NodeAway."""
        named = {"version": version, "sha256": sha256 or None}
        given = {key: value for key, value in named.items() if value is not None}
        return self._ask("/v1/load_lora_adapter", {"lora_name": name, **given}, LOAD_S)

    def unload(self, name: str) -> dict[str, Any]:
        return self._ask("/v1/unload_lora_adapter", {"lora_name": name}, LOAD_S)

    def served(self) -> dict[str, str]:
        """The names it answers to, each with what it means: a version, or the model's own folder."""
        told = self._ask("/v1/models", None, ASK_S)
        return {str(card["id"]): str(card.get("root") or "") for card in told.get("data", ())}

    def _ask(self, path: str, document: Any, timeout_s: float) -> dict[str, Any]:
        body = None if document is None else json.dumps(document).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.api_key}"}
        request = urllib.request.Request(f"{self.url}{path}", body, headers)  # noqa: S310  http and https of the settings
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout_s) as answer:
                told = json.loads(answer.read(MOST_BYTES))
        except urllib.error.HTTPError as error:
            raise LoraError(self._refusal(error.code, error.read(MOST_BYTES))) from error
        except (OSError, ValueError) as error:
            cause = getattr(error, "reason", error)
            kind = NodeAway if isinstance(cause, ConnectionRefusedError) else LoraError
            raise kind(f"the node at {self.url} does not answer: {cause}") from error
        if not isinstance(told, dict):
            raise LoraError(f"the node at {self.url} did not answer as a node does")
        return told

    def _refusal(self, status: int, body: bytes) -> str:
        if status in {401, 403}:
            return f"the node at {self.url} refuses our key: give it one with [serving] api_key, and start it again"
        if status == 404:
            return f"the node at {self.url} has LoRA off: set [serving.lora] max_loras, and start it again"
        try:
            return " ".join(str(json.loads(body)["error"]["message"]).split())
        except (ValueError, KeyError, TypeError):
            return f"the node at {self.url} answers {status}"

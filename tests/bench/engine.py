"""The real vLLM for the benchmarks, one at a time on a machine."""

import fcntl
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bot.generation.request import Message
from tests.bench.product import Remote
from tests.e2e.engine import MODEL, Node, node

TOKENS = 64
BLOCK = 32  # tokens that vLLM's CPU prefix cache keeps or loses together
PROMPT = "You help."


@contextmanager
def real_engine(**settings: str) -> Iterator[Remote]:
    """A node of our own, with further settings of [serving] if wanted."""
    with real_node(**settings) as (remote, _):
        yield remote


@contextmanager
def real_node(**settings: str) -> Iterator[tuple[Remote, Node]]:
    """The same, and its process."""
    with Path(tempfile.gettempdir(), "frontdesk-bench-engine.lock").open("w") as lock, tempfile.TemporaryDirectory() as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = {"api_key": "bench", "kv_cache_gib": "2", **settings}
        with node(Path(folder), {f"FRONTDESK_SERVING__{key.upper()}": value for key, value in wanted.items()}) as running:
            yield Remote(f"{running.ready()}/v1", MODEL, "bench"), running


class Plain:
    """The engine without Frontdesk: whole answers and token counts."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {remote.api_key}"}, timeout=aiohttp.ClientTimeout(total=600)
        )

    async def close(self) -> None:
        await self._http.close()

    async def tokens(self, messages: Sequence[Message]) -> list[int]:
        """A prompt as the model reads it."""
        found = await self._post("/tokenize", {"messages": _spelt(messages), "add_generation_prompt": True})
        tokens: list[int] = found["tokens"]
        return tokens

    async def answer(self, messages: Sequence[Message]) -> tuple[str, int, int]:
        """The answer, the tokens of its prompt, and how many of those were cached."""
        found = await self._post("/v1/chat/completions", {"messages": _spelt(messages), "max_tokens": TOKENS, "temperature": 0})
        usage = found["usage"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        return found["choices"][0]["message"]["content"], usage["prompt_tokens"], cached

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        sent = json.dumps({"model": self._remote.model, **body})
        url = self._remote.url.removesuffix("/v1") + path
        async with self._http.post(url, data=sent, headers={"Content-Type": "application/json"}) as response:
            response.raise_for_status()
            return await response.json()


def _spelt(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in messages]

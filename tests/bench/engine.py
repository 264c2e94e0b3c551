"""The real vLLM for the benchmarks, one at a time on a machine."""

import fcntl
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bot.generation.request import Message
from tests.bench.product import Remote
from tests.e2e.engine import MODEL, node

TOKENS = 64
BLOCK = 128  # tokens that vLLM's CPU prefix cache keeps or loses together
PROMPT = "You help."


@contextmanager
def real_engine(more: Mapping[str, str] | None = None) -> Iterator[Remote]:
    """A node of our own, with `more` settings."""
    with Path(tempfile.gettempdir(), "frontdesk-bench-engine.lock").open("w") as lock, tempfile.TemporaryDirectory() as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = {"FRONTDESK_SERVING__API_KEY": "bench", "FRONTDESK_SERVING__KV_CACHE_GIB": "2", **(more or {})}
        with node(Path(folder), settings) as running:
            yield Remote(f"{running.ready()}/v1", MODEL, "bench")


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

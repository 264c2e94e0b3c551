"""What the node is and how long a prompt is there: found out by asking, kept until the node was away."""

import asyncio
import string
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import structlog

from bot.errors import GenerationError, NodeGarbled, NodeRefused
from bot.generation.client import GenerationClient
from bot.generation.request import Message, NodeProfile

PLAIN_CONTEXT = 4096
MESSAGE_OVERHEAD = 16
LETTERS = f"{string.ascii_letters} ".encode()
# seconds until a server is asked again for a name that it does not serve
LOOK_AGAIN_S = 5.0
log = structlog.get_logger()


class Node:
    """One server's profile and token counts. `dialect` as in the settings: auto asks, vllm and openai are believed."""

    def __init__(self, client: GenerationClient, dialect: str = "auto") -> None:
        self._client = client
        self._dialect = dialect
        self._profile: NodeProfile | None = None
        self._asking = asyncio.Lock()
        self._lengths: Mapping[str, int | None] = {}
        self._looked = 0.0
        self._missing: set[str] = set()

    def forget(self) -> None:
        """The node failed: ask anew what it is before the next request, it may have been replaced."""
        self._profile = None

    async def profile(self, wanted: str = "") -> NodeProfile:
        """What the server is, for the model or LoRA of that name; with its own model where it does not serve that one, since
        somebody waits for an answer. Raises a GenerationError while it cannot be asked.
        """
        found = self._profile
        if found is None:
            async with self._asking:
                found = self._profile = self._profile or await self._ask()
        if not wanted or wanted == found.model:
            return found
        if not await self._serves(wanted):
            return found
        return replace(found, model=wanted, context=self._lengths[wanted] or found.context)

    async def _serves(self, wanted: str) -> bool:
        """A name that is missing is looked for again now and then, and told of once: a LoRA may be loaded at any time."""
        if wanted not in self._lengths and time.monotonic() - self._looked > LOOK_AGAIN_S:
            async with self._asking:
                if time.monotonic() - self._looked > LOOK_AGAIN_S:
                    await self._look()
        served = wanted in self._lengths
        if served:
            self._missing.discard(wanted)
        elif wanted not in self._missing:
            self._missing.add(wanted)
            log.warning("generation.model_not_served", model=wanted, instead=self._client.model)
        return served

    async def _look(self) -> None:
        self._lengths = _lengths(await self._client.get("/models"))
        self._looked = time.monotonic()

    async def _ask(self) -> NodeProfile:
        await self._look()
        if self._client.model not in self._lengths:
            raise NodeRefused(f"the node does not serve {self._client.model!r}: check generation.model", status=404)
        context = self._lengths[self._client.model]
        if self._dialect == "openai":
            return NodeProfile(self._client.model, context or PLAIN_CONTEXT, exact=False, extras=False)
        exact = context is not None and await self._takes("/tokenize", {"prompt": "a"})
        extras = self._dialect == "vllm" or (context is not None and await self._takes_extras())
        return NodeProfile(self._client.model, context or PLAIN_CONTEXT, exact=exact, extras=extras)

    async def _takes_extras(self) -> bool:
        body = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1, "cache_salt": "0a", "priority": 1}
        return await self._takes("/v1/chat/completions", body, timeout_s=60)

    async def _takes(self, path: str, body: dict[str, Any], *, timeout_s: float = 10) -> bool:
        try:
            await self._client.post(path, {"model": self._client.model, **body}, of=dict, timeout_s=timeout_s)
        except NodeRefused:
            return False
        return True

    async def count(self, messages: tuple[Message, ...], profile: NodeProfile) -> int:
        """Tokens of a prompt with the chat template around it; a documented over-estimate where the server cannot count."""
        if not profile.exact:
            return sum(over_estimate(text) for _, text in messages)
        body = {
            "model": profile.model,
            "messages": [{"role": role, "content": text} for role, text in messages],
            "add_generation_prompt": True,
        }
        return (await self._client.post("/tokenize", body, of=_Count)).count

    async def generates(self) -> bool:
        """Whether one token can be had now: for doctor and readiness."""
        try:
            body = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1}
            await self._client.post("/v1/chat/completions", {"model": self._client.model, **body}, of=dict, timeout_s=60)
        except GenerationError:
            return False
        return True


class _Count(msgspec.Struct):
    """Of an answer to /tokenize; the tokens beside it are not even decoded."""

    count: int


def upper_bound(text: str) -> int:
    """No byte-level tokenizer makes more tokens of a message than it has bytes, and the template's few."""
    return len(text.encode()) + MESSAGE_OVERHEAD


def over_estimate(text: str) -> int:
    """For servers that cannot count: a token for every two plain letters and spaces and for every other byte, since many
    tokenizers give each digit and sign one of its own.
    """
    data = text.encode()
    others = len(data.translate(None, LETTERS))
    return (len(data) - others + 1) // 2 + others + MESSAGE_OVERHEAD


def _lengths(served: Any) -> Mapping[str, int | None]:
    """The names that are served, each with its context in tokens where that is told (not for a LoRA of a plain vLLM)."""
    try:
        return {entry["id"]: int(entry.get("max_model_len") or 0) or None for entry in served["data"]}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NodeGarbled("the node's list of models is no list") from error

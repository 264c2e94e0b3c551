"""What the node is and how long a prompt is there: found out by asking, kept until the node was away."""

import asyncio
import string
from typing import Any

import msgspec

from bot.errors import GenerationError, NodeGarbled, NodeRefused
from bot.generation.client import GenerationClient
from bot.generation.request import Message, NodeProfile

PLAIN_CONTEXT = 4096
MESSAGE_OVERHEAD = 16
LETTERS = f"{string.ascii_letters} ".encode()


class Node:
    """One server's profile and token counts. `dialect` as in the settings: auto asks, vllm and openai are believed."""

    def __init__(self, client: GenerationClient, dialect: str = "auto") -> None:
        self._client = client
        self._dialect = dialect
        self._profile: NodeProfile | None = None
        self._asking = asyncio.Lock()

    def forget(self) -> None:
        """The node failed: ask anew what it is before the next request, it may have been replaced."""
        self._profile = None

    async def profile(self) -> NodeProfile:
        """What the server is. Raises a GenerationError while it cannot be asked."""
        if self._profile is None:
            async with self._asking:
                if self._profile is None:
                    self._profile = await self._ask()
        return self._profile

    async def _ask(self) -> NodeProfile:
        served = await self._client.get("/models")
        context = _context(served, self._client.model)
        if self._dialect == "openai":
            return NodeProfile(self._client.model, context or PLAIN_CONTEXT, exact=False, extras=False)
        exact = context is not None and await self._takes("/tokenize", {"prompt": "a"})
        extras = self._dialect == "vllm" or (exact and await self._takes_extras())
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

    async def count(self, messages: tuple[Message, ...]) -> int:
        """Tokens of a prompt with the chat template around it; a documented over-estimate where the server cannot count."""
        if not (await self.profile()).exact:
            return sum(over_estimate(text) for _, text in messages)
        body = {
            "model": self._client.model,
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


def _context(served: Any, model: str) -> int | None:
    try:
        lengths = {entry["id"]: entry.get("max_model_len") for entry in served["data"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise NodeGarbled("the node's list of models is no list") from error
    if model not in lengths:
        raise NodeRefused(f"the node does not serve {model!r}: check generation.model", status=404)
    length = lengths[model]
    return int(length) if length else None

"""The supervisor's own questions to an engine, each with its own small deadline."""

import asyncio
import math
import re
from types import TracebackType
from typing import Any, Self

import aiohttp

from serving.order import Task

LIFE = re.compile(r"^vllm:(?:generation_tokens_total|iteration_tokens_total_count)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
FIRST = -(2**30)  # lower is earlier: the probe must not wait behind customers
QUESTIONS: dict[Task, tuple[str, dict[str, Any]]] = {
    # the token's probability too: a model that computes NaN makes tokens like any other, but has none to tell
    "generate": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "logprobs": True}),
    "embed": ("/v1/embeddings", {"input": "Hi"}),
}
LONGEST_SAID = 300


class Unfit(Exception):
    """The engine runs and refuses a question that any model of its task can answer: waiting would not help. The text says why."""


class Probe:
    """Asks one engine for a token (an engine that embeds: for an embedding), or how much it has done."""

    def __init__(self, base_url: str, api_key: str, model: str, task: Task = "generate") -> None:
        self._url = base_url
        self._key = api_key
        self._model = model
        self._task = task

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(self._url, headers={"Authorization": f"Bearer {self._key}"})
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    async def generates(self, timeout_s: float) -> bool:
        """Whether one token, or one embedding, came out within the deadline. Raises Unfit."""
        path, ask = QUESTIONS[self._task]
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session.post(path, json={"model": self._model, "priority": FIRST, **ask}, timeout=timeout) as answer:
                body = await answer.json() if answer.status in (200, 400) else {}
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
        if answer.status == 400:
            raise Unfit(unfit(body))
        return has_token(body) if self._task == "generate" else has_embedding(body)

    async def work_done(self, timeout_s: float) -> float | None:
        """A number that grows with every engine step and token; None when the engine does not say."""
        try:
            async with self._session.get("/metrics", timeout=aiohttp.ClientTimeout(total=timeout_s)) as answer:
                text = await answer.text() if answer.status == 200 else ""
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        counts = [float(count) for count in LIFE.findall(text)]
        return sum(counts) if counts else None


def has_token(body: Any) -> bool:
    return isinstance(body, dict) and bool(body.get("choices"))


def has_embedding(body: Any) -> bool:
    """Numbers, and not all of them nothing: what overflowed comes as null or NaN."""
    try:
        numbers = body["data"][0]["embedding"]
        return any(numbers) and all(map(math.isfinite, numbers))
    except (TypeError, KeyError, IndexError):
        return False


def unfit(body: object) -> str:
    """Why, in one line, of what vLLM answers to the probe's question."""
    error = body.get("error") if isinstance(body, dict) else None
    said = str(error.get("message", "")) if isinstance(error, dict) else ""
    if "not JSON compliant" in said:  # of a number in its answer
        return "it computes NaN: its weights are damaged, or a number is too large for its dtype (serving.dtype)"
    return f"it does not answer a plain question: {' '.join(said.split())[:LONGEST_SAID] or 'status 400'}"


async def until_generating(probe: Probe, timeout_s: float, step_s: float = 0.2) -> bool:
    """Wait for the first token or embedding of a starting engine; False when `timeout_s` has passed without one. Raises Unfit."""
    try:
        async with asyncio.timeout(timeout_s):
            while not await probe.generates(timeout_s):  # noqa: ASYNC110  # another process: no event to wait for
                await asyncio.sleep(step_s)
    except TimeoutError:
        return False
    return True

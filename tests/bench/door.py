"""The door: what the allow-list, the bounds and admission add to the first token, in the process that vLLM's server runs in."""

import json
import random
import time
from collections.abc import Sequence

from serving.engine.admission import Admission
from serving.engine.gate import App, Gate, Message, Readiness, Receive, Scope, Send
from tests.bench.asker import Asker, Messages, prose, user
from tests.bench.doors import BARE, engine_with_doors
from tests.bench.figures import Figure, figure

PATH = "/v1/chat/completions"
LONG_BYTES = 30_000
MOST_MS = 1.0


async def door(pairs: int, calls: int) -> list[Figure]:
    """Alone over an application that does nothing, then before the real engine beside the same engine without it."""
    figures = [await _alone(name, messages, calls) for name, messages in _asked(0).items()]
    async with engine_with_doors([BARE, 2], {"preset": "laptop"}) as engine:
        askers = [Asker(door) for door in engine.doors]
        try:
            figures += [await _before_vllm(name, askers, pairs) for name in _asked(0)]
        finally:
            for asker in askers:
                await asker.close()
    return figures


def _asked(seed: int) -> dict[str, Messages]:
    dice = random.Random(seed)
    long = [{"role": ("user", "assistant")[turn % 2], "content": prose(dice, 60)} for turn in range(93)]
    short = user(prose(dice, 20))
    while len(json.dumps(long)) > LONG_BYTES:
        long = long[2:]
    return {"short": short, f"{LONG_BYTES // 1000} kB": [short[0], *long]}


async def _alone(name: str, messages: Messages, calls: int) -> Figure:
    gate = Gate(_nothing, "bench", Readiness(proven=True), Admission(64, 2, time.monotonic))
    body = json.dumps({"model": "m", "messages": messages, "max_tokens": 64, "stream": True, "priority": 0}).encode()
    added = []
    for number in range(calls):
        arms: Sequence[App] = (gate, _nothing) if number % 2 else (_nothing, gate)
        took = {arm: await _first_ms(arm, body) for arm in arms}
        added.append(took[gate] - took[_nothing])
    return figure("the door adds to the first token", f"alone, {name} body", "ms", added, at_most=MOST_MS)


async def _nothing(_scope: Scope, receive: Receive, send: Send) -> None:
    """What every application does: reads the body, streams an answer."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": False})


async def _first_ms(app: App, body: bytes) -> float:
    parts = [{"type": "http.request", "body": body, "more_body": False}]
    first: list[float] = []

    async def receive() -> Message:
        return parts.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not first:
            first.append(time.perf_counter())

    headers = [(b"authorization", b"Bearer bench"), (b"x-deadline-s", b"60")]
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers, "client": ("127.0.0.1", 1)}
    started = time.perf_counter()
    await app(scope, receive, send)
    return (first[0] - started) * 1000


async def _before_vllm(name: str, askers: Sequence[Asker], pairs: int) -> Figure:
    """The same prompt, cached as far as it can be, again and again through both doors in turns."""
    messages = _asked(1)[name]
    for asker in askers:
        await asker.ask(messages, 1)
    added, plain = [], []
    for number in range(pairs):
        took = {}
        for asker in askers if number % 2 else askers[::-1]:
            first_s = (await asker.ask(messages, 1)).first_s
            assert first_s is not None, "the engine gave no token"
            took[asker] = first_s * 1000
        added.append(took[askers[1]] - took[askers[0]])
        plain.append(took[askers[0]])
    beside = {"first token without the door": sorted(plain)[len(plain) // 2]}
    return figure("the door adds to the first token", f"vLLM on CPU, {name} body", "ms", added, at_most=MOST_MS, beside=beside)

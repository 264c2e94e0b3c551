"""A generation node that says what a script tells it: the naive implementation of the OpenAI chat API that vLLM serves.

Raw asyncio, so that benchmarks measure Frontdesk and not this. Behaviours are set at run time; every prompt is kept.
Run as a process: `python -m tests.scripted_node --port 0 --pieces 64`.
"""

import argparse
import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Messages = list[dict[str, str]]
KEPT_PROMPTS = 20_000


def template(messages: Messages) -> str:
    """The chat template of this node: a prompt as text, one token for each byte."""
    return "".join(f"<{message['role']}>{message['content']}</>" for message in messages) + "<assistant>"


def echo(messages: Messages) -> str:
    """The default script: repeats the last message."""
    return f"You said: {messages[-1]['content']}"


@dataclass
class Behaviour:
    """How the next answers go. `fault`: "", "down" (closes), "error" (500), "full" (503), "refuse" (400), "cut" (half an
    answer), "abort" (half an answer and the word for it, as vLLM at its end), "garbage", "silent" (never a token),
    "endless"; `gate`, when set, holds each answer before its first token (or after `gate_after` pieces) until it is opened;
    `delay_s` before the first token and `pace_s` between pieces; `loras`: further names, with what they are. With `slots`,
    whoever comes while so many answers run is refused (503); `queue_ms` and `cached` are told with the counts. A prompt and
    `max_tokens` over `context` are refused, as by vLLM. `finish` is the reason a whole answer ends with. Without `schemas` a
    wanted form is refused, without `counts` a prompt is not counted.
    """

    script: Callable[[Messages], str] = echo
    fault: str = ""
    gate: asyncio.Event | None = None
    gate_after: int = 0
    delay_s: float = 0.0
    pace_s: float = 0.0
    pieces: int = 0
    finish: str = "stop"
    slots: int = 0
    queue_ms: float | None = None
    cached: int | None = None
    context: int = 8192
    exact: bool = True
    model: str = "scripted"
    loras: dict[str, str] = field(default_factory=dict)
    schemas: bool = True
    counts: bool = True


@dataclass
class ScriptedNode:
    behaviour: Behaviour = field(default_factory=Behaviour)
    keep_prompts: bool = True
    prompts: deque[Messages] = field(default_factory=lambda: deque(maxlen=KEPT_PROMPTS))
    bodies: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_PROMPTS))
    heads: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=KEPT_PROMPTS))
    aborted: int = 0
    running: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self, port: int = 0) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{self.port}/v1"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()
        while self._open:
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                start, *headers = head.decode("latin-1").split("\r\n")
                lengths = [line.split(":")[1] for line in headers if line.lower().startswith("content-length:")]
                body = await reader.readexactly(int(lengths[0])) if lengths else b""
                if self.keep_prompts and start.startswith("POST /v1/chat/completions"):
                    self.heads.append(frozenset(line.lower() for line in headers))
                await self._route(start.split(" ")[1], body, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _route(self, path: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        how = self.behaviour
        if how.fault == "down":
            raise ConnectionResetError
        if path == "/v1/models":
            entry = {"id": how.model, "object": "model", **({"max_model_len": how.context} if how.exact else {})}
            loras = [{"id": name, "object": "model", "parent": how.model} for name in how.loras]
            await _json(writer, 200, {"object": "list", "data": [entry, *loras]})
        elif path == "/tokenize" and how.exact and how.counts:
            asked = json.loads(body)
            text = template(asked["messages"]) if "messages" in asked else asked["prompt"]
            await _json(writer, 200, {"count": len(text.encode()), "tokens": list(text.encode())})
        elif path == "/v1/chat/completions":
            await self._complete(json.loads(body), reader, writer)
        else:
            await _json(writer, 404, {"error": {"message": "no such path"}})

    async def _complete(self, asked: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        how = self.behaviour
        statuses = {"error": 500, "full": 503, "refuse": 400}
        if how.fault in statuses or (how.slots and self.running >= how.slots and asked.get("stream")):
            how_full = how.fault or "full"
            await _json(writer, statuses[how_full], {"error": {"message": "as told"}}, {"Retry-After": "1"})
            return
        if asked.get("model") not in {None, how.model, *how.loras}:
            await _json(writer, 404, {"error": {"message": "no such model"}})
            return
        if not asked.get("stream"):
            await _json(writer, 200, {"choices": [{"message": {"content": "a"}, "finish_reason": "length"}]})
            return
        if len(template(asked["messages"]).encode("utf-8", "replace")) + asked.get("max_tokens", 0) > how.context:
            await _json(writer, 400, {"error": {"message": "longer than the context"}})
            return
        if "response_format" in asked and not how.schemas:
            await _json(writer, 400, {"error": {"message": "unknown field: response_format"}})
            return
        if self.keep_prompts:
            self.prompts.append(asked["messages"])
            self.bodies.append(asked)
        self.asked.set()
        self.running += 1
        try:
            await self._stream(asked, how, reader, writer)
        except ConnectionError:
            self.aborted += 1
            raise
        finally:
            self.running -= 1

    async def _stream(
        self, asked: dict[str, Any], how: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer = how.script(asked["messages"])
        pieces, endless = _split(answer, how.pieces), how.fault == "endless"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        if how.delay_s or how.fault == "silent":
            await _unless_closed(reader, asyncio.sleep(how.delay_s if how.fault != "silent" else 3600))
        for number, piece in enumerate(pieces):
            if how.gate is not None and number == how.gate_after:
                await _unless_closed(reader, how.gate.wait())
            if how.fault == "garbage" and number == len(pieces) // 2:
                _chunk(writer, b"data: {not json\n\n")
                await writer.drain()
                return
            if how.fault == "abort" and number == max(len(pieces) // 2, 1):
                await _finish(writer, "abort")
                return
            if how.fault == "cut" and number == max(len(pieces) // 2, 1):
                writer.transport.abort()
                raise ConnectionResetError
            _chunk(writer, _event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}))
            if how.pace_s:
                await writer.drain()
                await _unless_closed(reader, asyncio.sleep(how.pace_s))
        while endless:
            _chunk(writer, _event({"choices": [{"index": 0, "delta": {"content": " more"}, "finish_reason": None}]}))
            await writer.drain()
            await asyncio.sleep(0)
        prompt = len(template(asked["messages"]).encode())
        usage = {"prompt_tokens": prompt, "completion_tokens": len(answer.encode("utf-8", "replace")) + 3}
        told: dict[str, Any] = {"usage": usage}
        if how.cached is not None:
            told["usage"] = {**usage, "prompt_tokens_details": {"cached_tokens": how.cached}}
        if how.queue_ms is not None:
            told["metrics"] = {"queue_time_ms": how.queue_ms}
        await _finish(writer, how.finish, told, how.loras.get(asked.get("model", ""), how.model))


async def _finish(writer: asyncio.StreamWriter, reason: str, told: dict[str, Any] | None = None, model: str = "") -> None:
    _chunk(writer, _event({"model": model, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
    if told is not None:
        _chunk(writer, _event({"choices": [], **told}))
    _chunk(writer, b"data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _split(answer: str, pieces: int) -> list[str]:
    """Into words, or into a given number of pieces (padded with words of its own)."""
    if not pieces:
        words = answer.split(" ")
        return [word if first == 0 else f" {word}" for first, word in enumerate(words)]
    words = (answer.split(" ") + ["and"] * pieces)[:pieces]
    return [word if first == 0 else f" {word}" for first, word in enumerate(words)]


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps({"id": "chatcmpl-1", "object": "chat.completion.chunk", **document}).encode() + b"\n\n"


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


async def _unless_closed(reader: asyncio.StreamReader, waiting: Any) -> None:
    """Wait, but notice a client that hangs up, as vLLM does."""
    task = asyncio.ensure_future(waiting)
    try:
        while not task.done():
            if reader.at_eof() or reader.exception() is not None:  # closed, or reset by a client that was killed
                raise ConnectionResetError
            await asyncio.wait([task], timeout=0.02)
    finally:
        task.cancel()


async def _json(writer: asyncio.StreamWriter, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
    body = json.dumps(document).encode()
    extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status} As Told\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pieces", type=int, default=0)
    parser.add_argument("--pace-s", type=float, default=0.0)
    parser.add_argument("--delay-s", type=float, default=0.0)
    options = parser.parse_args()
    behaviour = Behaviour(pieces=options.pieces, pace_s=options.pace_s, delay_s=options.delay_s)
    node = ScriptedNode(behaviour, keep_prompts=False)
    print(await node.start(options.port), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())

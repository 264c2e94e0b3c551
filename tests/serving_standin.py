"""An engine without vLLM for the tests of a node's life, and a node that runs it.

As an engine it obeys its order like the real one: pipe, group, gate, a helper process. The folder named by the order's
`engine_args["control"]` steers it: a file `mute` there means no token ever comes, `busy` that only other requests make
progress, `broken` that it ends at once, `refused` that it refuses its settings. It writes its pids to `pids`.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import uvicorn  # noqa: E402
from prometheus_client import CollectorRegistry, generate_latest  # noqa: E402

from serving import lifeline  # noqa: E402
from serving.__main__ import main  # noqa: E402
from serving.engine.__main__ import read_line  # noqa: E402
from serving.engine.admission import Admission  # noqa: E402
from serving.engine.figures import Figures  # noqa: E402
from serving.engine.gate import ROUTES, Gate, Message, Readiness, Receive, Scope, Send  # noqa: E402
from serving.engine.stamp import stamped  # noqa: E402
from serving.order import EngineOrder  # noqa: E402
from serving.port import bind  # noqa: E402

COMMAND = (sys.executable, __file__, "engine")


class Toy:
    """Answers as vLLM does where the supervisor looks; an answer names the process that gave it. One that asks for a thousand
    tokens takes until the file `finish` is there.
    """

    def __init__(self, control: Path, figures: Figures) -> None:
        self._control = control
        self._registry = CollectorRegistry()
        self._registry.register(figures)
        self._tokens = 0
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        busy = (self._control / "busy").exists()
        if scope["path"] == "/metrics":
            self._tokens += 5 if busy else 0
            await answer(send, self._metrics() + generate_latest(self._registry), b"text/plain")
        elif scope["path"] == "/v1/chat/completions" and (busy or (self._control / "mute").exists()):
            await asyncio.sleep(3600)
        elif scope["path"] == "/v1/models":
            await answer(send, json.dumps({"data": [{"id": "toy"}]}).encode(), b"application/json")
        else:
            await self._answer((await receive()).get("body", b"{}"), send)

    async def _answer(self, body: bytes, send: Send) -> None:
        self._tokens += 1
        self._running += 1
        asked = json.loads(body or b"{}")
        while asked.get("max_tokens", 0) >= 1000 and not (self._control / "finish").exists():
            await asyncio.sleep(0.02)
        self._running -= 1
        told = {"choices": [{"message": {"content": "a"}}], "data": [{"embedding": [0.6, 0.8]}], "process": os.getpid()}
        await answer(send, json.dumps(told).encode(), b"application/json")

    def _metrics(self) -> bytes:
        return (
            "# TYPE vllm:generation_tokens_total counter\n"
            f'vllm:generation_tokens_total{{engine="0"}} {self._tokens}\n'
            "# TYPE vllm:num_requests_running gauge\n"
            f'vllm:num_requests_running{{engine="0"}} {self._running}\n'
        ).encode()


async def answer(send: Send, body: bytes, kind: bytes) -> None:
    start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def engine() -> int:
    order = EngineOrder.from_line(read_line(sys.stdin.fileno()))
    control = Path(order.engine_args["control"])
    lifeline.watch(os.dup(sys.stdin.fileno()), lifeline.kill_own_group)
    if (control / "refused").exists():
        print("serving.engine_args: unrecognized arguments: --control", flush=True)
        return 2
    if (control / "broken").exists():
        print("no memory", flush=True)
        return 1
    with subprocess.Popen(["sleep", "600"]) as helper:
        with (control / "pids").open("a") as pids:
            pids.write(f"{os.getpid()} {helper.pid}\n")
        admission = Admission(order.max_num_seqs, order.max_background, time.monotonic)
        figures = Figures(admission, order.restarts)
        toy = stamped(Toy(control, figures), order.replica)
        gate = Gate(toy, order.api_key, Readiness(), admission, routes=ROUTES[order.task], figures=figures)
        config = uvicorn.Config(gate, log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[bind(order.host, order.port)])
        helper.kill()
    return 0


if __name__ == "__main__":
    sys.exit(engine() if sys.argv[1] == "engine" else main(sys.argv[2:], engine=COMMAND))

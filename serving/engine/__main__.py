"""`python -m serving.engine`: one vLLM engine, told what to do by one JSON line on standard input.

The process leads a process group of its own. When standard input ends, its supervisor has died and the group is
killed. Exit status: 0 asked to stop, 1 the engine died, 2 the settings are refused (one line on stderr), 98 the port
is held.
"""

import gc
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

from serving import lifeline
from serving.engine import flags
from serving.errors import EngineRefused
from serving.lora import folders
from serving.order import EngineOrder
from serving.port import bind

REFUSED = 2
PORT_HELD = 98
# keys that its children would inherit; folders and hubs from which a plugin loads any LoRA that a request names; a folder in
# which the figures of one process would be kept, ours not among them
NOT_FOR_VLLM = (
    "VLLM_API_KEY",
    "FRONTDESK_SERVING__API_KEY",
    "VLLM_LORA_RESOLVER_CACHE_DIR",
    "VLLM_LORA_RESOLVER_HF_REPO_LIST",
    "PROMETHEUS_MULTIPROC_DIR",
)


def main() -> int:
    order = EngineOrder.from_line(read_line(sys.stdin.fileno()))
    if order.lora is not None:
        order = replace(order, lora=folders.standing(order.lora, Path(order.model_path)))
    lifeline.watch(os.dup(sys.stdin.fileno()), lifeline.kill_own_group)
    os.register_at_fork(after_in_child=lifeline.die_with_parent)
    os.environ |= flags.environment(order, os.environ, len(os.sched_getaffinity(0)))
    for name in NOT_FOR_VLLM:
        os.environ.pop(name, None)
    try:
        sock = bind(order.host, order.port)
    except OSError as error:
        print(f"serving.port {order.port} on {order.host}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return PORT_HELD
    return run(order, sock)


def run(order: EngineOrder, sock: socket.socket) -> int:
    gc.disable()  # the imports make a million objects and no garbage
    import uvloop

    from serving.engine import server

    try:
        args, config = server.configure(order)
        gc.enable()
        return 0 if uvloop.run(server.serve(order, sock, args, config)) else 1
    except EngineRefused as refused:
        print(refused, file=sys.stderr)  # noqa: T201
        return REFUSED


def read_line(fd: int) -> bytes:
    """One line, byte by byte: nothing past it may be swallowed by a buffer."""
    line = bytearray()
    while (byte := os.read(fd, 1)) not in (b"", b"\n"):
        line += byte
    return bytes(line)


if __name__ == "__main__":
    sys.exit(main())

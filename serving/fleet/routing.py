"""`python -m serving.fleet.routing`: one vllm-router, told by one JSON line on standard input where to listen.

It listens on loopback, starts without workers, and is told of them over its own interface. Requests with the same `X-Session-ID`
go to the same worker; when a worker goes, only its share moves.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import Self

from serving import lifeline

# it would ask even loopback through them; nothing else of a node does
PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class RouterOrder:
    """`body_bytes`: the largest that passes; `answer_s`: the longest answer; `parent`: pid of who starts it."""

    port: int
    metrics_port: int
    body_bytes: int
    answer_s: int
    parent: int

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        return cls(**json.loads(line))


def main() -> None:
    """Blocks until a signal. The router holds the interpreter all the time, so no thread of ours could watch a pipe: Linux is
    asked to end us with our parent instead.
    """
    lifeline.die_with_parent()
    order = RouterOrder.from_line(sys.stdin.readline())
    if os.getppid() != order.parent:
        return  # it died before Linux was asked
    for name in PROXIES:
        os.environ.pop(name, None)
    from vllm_router.router import Router
    from vllm_router.router_args import RouterArgs

    # No retries and no circuit breaker: a full engine's refusal goes to whoever asked, with its Retry-After, and is no sign of
    # illness. No queue: requests wait in the engine, in the order of their priority.
    args = RouterArgs(
        worker_urls=[],
        host="127.0.0.1",
        port=order.port,
        policy="consistent_hash",
        prometheus_host="127.0.0.1",
        prometheus_port=order.metrics_port,
        max_payload_size=order.body_bytes,
        queue_size=0,
        request_timeout_secs=order.answer_s,
        disable_retries=True,
        disable_circuit_breaker=True,
        health_check_interval_secs=1,
        health_check_timeout_secs=5,
        health_failure_threshold=2,
        health_success_threshold=1,
        log_level="error",
    )
    Router.from_args(args).start()


if __name__ == "__main__":
    main()

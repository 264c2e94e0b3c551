"""How the node listens, at each of its ports."""

from typing import Any

import uvicorn

from serving.connections import IDLE_S, bounded, room


def configured(app: Any, connections: int, *, shutdown_s: int, files: int = 1) -> uvicorn.Config:
    """At most so many connections, each with a bounded time for what it owes; `shutdown_s` for open requests at the end. `files`
    that one connection needs: with what it is passed on by.
    """
    return uvicorn.Config(
        app,
        http=bounded(room(files * connections) // files),
        ws="none",
        forwarded_allow_ips="127.0.0.1,::1",  # whoever else names a client by X-Forwarded-For is not believed, whatever is set
        timeout_keep_alive=int(IDLE_S),
        log_config=None,  # no formats of its own: what it says takes the way of the process
        log_level="error",  # a line for each client that speaks no HTTP would fill a disk
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=shutdown_s,
    )

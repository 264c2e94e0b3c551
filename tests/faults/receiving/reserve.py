"""A port that lives take one after another, so that a webhook is always found at the same place."""

import socket


def reserved() -> socket.socket:
    """Bound and not listening: the port stays ours while no life is there, and a life can bind it as well."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    return bound

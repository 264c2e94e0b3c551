"""A loopback hub: the part of the Hugging Face API that its client calls to download a model, and faults on demand."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves `files` as the repository `repo`. `stop_after` bytes of a file it stalls until `go_on` is set."""

    daemon_threads = True

    def __init__(self, repo: str, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repo = repo
        self.files = files
        self.claimed: dict[str, int] = {}
        self.damaged: set[str] = set()
        self.stop_after: int | None = None
        self.stalled = threading.Event()
        self.go_on = threading.Event()
        self.asked: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def ranges(self, file: str) -> list[str]:
        return [span for method, path, span in self.asked if method == "GET" and path.endswith(f"/{file}")]


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.respond(body=False)

    def do_GET(self) -> None:
        self.respond(body=True)

    def respond(self, *, body: bool) -> None:
        path = unquote(self.path.partition("?")[0])
        self.server.asked.append((self.command, path, self.headers.get("Range", "")))
        if path.startswith("/api/models/"):
            self.tell_repository(path.removeprefix("/api/models/"))
        elif path.startswith(f"/{self.server.repo}/resolve/"):
            self.tell_file(path.removeprefix(f"/{self.server.repo}/resolve/").partition("/")[2], body=body)
        else:
            self.give(404, {"X-Error-Code": "RepoNotFound"}, b"{}")

    def tell_repository(self, rest: str) -> None:
        repo, _, commit = rest.partition("/tree/")
        if repo == self.server.repo and commit:
            tree = [self.entry(name) for name in self.server.files]
            self.give(200, {"Content-Type": "application/json"}, json.dumps(tree).encode())
            return
        repo, _, revision = rest.partition("/revision/")
        if repo != self.server.repo:
            self.give(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
        elif revision not in ("", "main", COMMIT):
            self.give(404, {"X-Error-Code": "RevisionNotFound"}, b"{}")
        else:
            siblings = [{"rfilename": name, "size": self.size(name)} for name in self.server.files]
            told = {"id": repo, "modelId": repo, "sha": COMMIT, "private": False, "siblings": siblings, "tags": []}
            self.give(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def entry(self, name: str) -> dict[str, Any]:
        told = {"type": "file", "path": name, "size": self.size(name), "oid": "0" * 40}
        if name.endswith((".safetensors", ".bin")):
            sha256 = hashlib.sha256(self.server.files[name]).hexdigest()
            told["lfs"] = {"oid": sha256, "size": self.size(name), "pointerSize": 134}
        return told

    def size(self, name: str) -> int:
        return self.server.claimed.get(name, len(self.server.files[name]))

    def tell_file(self, name: str, *, body: bool) -> None:
        data = self.server.files.get(name)
        if data is None:
            self.give(404, {"X-Error-Code": "EntryNotFound"}, b"{}")
            return
        etag = hashlib.sha256(data).hexdigest()
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if not body:
            self.send_response(200)
            for key, value in {**headers, "Content-Length": str(self.size(name))}.items():
                self.send_header(key, value)
            self.end_headers()
            return
        start = int(span.removeprefix("bytes=").partition("-")[0]) if (span := self.headers.get("Range")) else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if name in self.server.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.give(206 if start else 200, headers, data[start:])

    def give(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        stop = self.server.stop_after
        if stop is None or len(data) <= stop:
            self.wfile.write(data)
            return
        self.wfile.write(data[:stop])
        self.wfile.flush()
        self.server.stalled.set()
        self.server.go_on.wait(60)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(repo: str, files: dict[str, bytes]) -> Iterator[Hub]:
    hub = Hub(repo, files)
    thread = threading.Thread(target=hub.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        hub.shutdown()
        thread.join()
        hub.server_close()

"""The page, the widget's frame and their files: read once at start, served from memory with an ETag."""

import hashlib
from dataclasses import dataclass
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from adapters.web.origins import Origins

FILES = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    media_type: str
    etag: str


class Page:
    """Serves `GET /`, `/embed` (the same page for the widget's frame), `/widget.js` and `/static/{name}`."""

    def __init__(self, origins: Origins, title: str) -> None:
        self._files = {
            path.name: _file(path.read_bytes(), path.suffix) for path in sorted(FILES.iterdir()) if path.suffix in TYPES
        }
        page = self._files.pop("page.html").body.decode().replace("{{title}}", escape(title))
        self._page = _file(page.replace("{{place}}", "page").encode(), ".html")
        self._frame = _file(page.replace("{{place}}", "frame").encode(), ".html")
        self._ancestors = origins.frame_ancestors

    async def page(self, request: Request) -> Response:
        return _answer(request, self._page, {**_html_headers("'none'"), "X-Frame-Options": "DENY"})

    async def frame(self, request: Request) -> Response:
        return _answer(request, self._frame, _html_headers(self._ancestors))

    async def widget(self, request: Request) -> Response:
        return _answer(request, self._files["widget.js"], {"Cross-Origin-Resource-Policy": "cross-origin"})

    async def file(self, request: Request) -> Response:
        found = self._files.get(request.path_params["name"])
        return _answer(request, found, {}) if found else Response("Not found\n", 404, media_type="text/plain")


def _html_headers(ancestors: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": POLICY.format(ancestors=ancestors),
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def _answer(request: Request, file: StaticFile, headers: dict[str, str]) -> Response:
    shared = {
        "ETag": file.etag,
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=shared | headers)
    return Response(file.body, headers=shared | headers, media_type=file.media_type)


def _file(body: bytes, suffix: str) -> StaticFile:
    return StaticFile(body, TYPES[suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')

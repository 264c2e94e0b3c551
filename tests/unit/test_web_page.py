"""The page and its files: served whole, with a policy that lets no foreign script in; the API's description is true."""

import json
import re
from pathlib import Path

import pytest

from adapters.web.gate import Endpoint
from adapters.web.page import FILES
from adapters.web.routes import routes
from adapters.web.settings import WebSettings
from adapters.web.streams import Streams
from tests.web_desk import MemoryDesk
from tests.web_server import WebDesk


async def test_the_page_allows_no_inline_script_and_no_frame_around_it() -> None:
    async with WebDesk() as desk, desk.http.get("/") as response:
        policy = response.headers["Content-Security-Policy"]
        page = await response.text()
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", page)
    assert "{{" not in page


async def test_only_listed_sites_may_frame_the_widget() -> None:
    async with WebDesk(origins=["https://shop.example"]) as desk, desk.http.get("/embed") as response:
        assert "frame-ancestors 'self' https://shop.example" in response.headers["Content-Security-Policy"]
        assert "X-Frame-Options" not in response.headers


async def test_the_workspaces_name_is_shown_as_text() -> None:
    memory = MemoryDesk()
    table = routes(
        intake=memory, record=memory, sessions=memory, settings=WebSettings(), streams=Streams(), title="<b>Tom & Co</b>"
    )
    desk = WebDesk()
    desk.server._app.router.routes[:] = table  # type: ignore[attr-defined]
    async with desk, desk.http.get("/") as response:
        assert "<title>&lt;b&gt;Tom &amp; Co&lt;/b&gt;</title>" in await response.text()


async def test_every_file_the_page_names_is_served() -> None:
    async with WebDesk() as desk:
        named = {"static/page.css", "static/page.js", "static/icon.svg", "widget.js"}
        for path in FILES.glob("*.js"):
            named |= {f"static/{name}" for name in re.findall(r'from "\./([\w.]+)"', path.read_text())}
        for name in sorted(named):
            async with desk.http.get(f"/{name}") as response:
                assert response.status == 200, name
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                etag = response.headers["ETag"]
            async with desk.http.get(f"/{name}", headers={"If-None-Match": etag}) as response:
                assert response.status == 304


@pytest.mark.parametrize("name", ["nothing.js", "page.html", "..%2Fpage.py", "%2e%2e/settings.py", "page.js%00"])
async def test_nothing_else_is_served(name: str) -> None:
    async with WebDesk() as desk, desk.http.get(f"/static/{name}") as response:
        assert response.status == 404


def test_no_script_turns_text_into_markup() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser|srcdoc")
    for path in FILES.glob("*.js"):
        assert not forbidden.search(path.read_text()), path.name


def test_modules_stay_within_the_fence() -> None:
    long = [path.name for path in FILES.iterdir() if len(path.read_text().splitlines()) > 300]
    assert long == []


async def test_the_description_names_every_route_and_no_other() -> None:
    async with WebDesk() as desk:
        async with desk.http.get("/openapi.json") as response:
            document = json.loads(await response.text())
        served = {
            (route.path, method.lower())
            for route in desk.routes
            if isinstance(route.endpoint, Endpoint)
            for method in route.endpoint.methods
        }
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described == served


async def test_the_description_matches_what_is_said() -> None:
    async with WebDesk() as desk:
        async with desk.http.get("/openapi.json") as response:
            schemas = json.loads(await response.text())["components"]["schemas"]
        ann = await desk.visit()
        await ann.say("hello")
        page = await ann.turns()
    assert set(page) == set(schemas["TurnsPage"]["properties"])
    assert set(page["turns"][0]) == set(schemas["TurnView"]["properties"])
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas))
    assert set(references) <= set(schemas)


def test_every_text_of_the_channel_is_its_own(tmp_path: Path) -> None:
    assert not re.search(r"https?://(?!YOUR-FRONTDESK|www\.w3\.org)[\w.-]+", "".join(p.read_text() for p in FILES.glob("*.html")))

"""The dependency rule and the order of docs/architecture.md, read from the sources; each rule is proved able to fail."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bot", "adapters", "serving", "migrations")
FACE = {"bot.events", "bot.ports", "bot.errors", "bot.views"}
# The order inside bot: a room imports rooms of its own rank or below, never in a ring. Single modules that are not
# named here stand on the ground with the settings: they import only the face and each other, all may import them.
RANKS = {
    **dict.fromkeys(FACE, 0),
    "bot.settings": 1,
    "bot.store": 2,
    **dict.fromkeys(["bot.generation", "bot.knowledge", "bot.language"], 3),
    **dict.fromkeys(["bot.conversation", "bot.delivery"], 4),
    "bot.desk": 5,
    "bot.commands": 6,
    **dict.fromkeys(["bot.worker", "bot.jobs", "bot.upkeep", "bot.http"], 7),
    "bot.application": 8,
    "bot.cli": 9,
    "bot.__main__": 10,
}
GROUND = RANKS["bot.settings"]
TYPES_OF_THE_STORE = ("bot.store.tables", "bot.store.times", "bot.store.ids")
ENGINE = {"vllm", "torch", "transformers", "gguf", "accelerate"}
# what belongs to no channel, and knows none
SHARED = ("adapters.columns", "adapters.markdown")
CHANNEL_SDKS = {"aiogram": "adapters.telegram", "discord": "adapters.discord"}


@dataclass(frozen=True, slots=True)
class Edge:
    importer: str
    imported: str

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported}"


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file, for every module of the product."""
    found = (path for package in PACKAGES for path in sorted((root / package).rglob("*.py")))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in found}


def names(node: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    """(module, name taken from it) for each import, relative and spelled-out ones included."""
    match node:
        case ast.Import():
            yield from ((alias.name, "") for alias in node.names)
        case ast.ImportFrom(level=0):
            yield from ((node.module or "", alias.name) for alias in node.names)
        case ast.ImportFrom():
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            yield from ((".".join([*above, *filter(None, [node.module])]), alias.name) for alias in node.names)
        case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__")):
            yield from ((word.value, "") for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str))


def edges(root: Path) -> list[Edge]:
    known, found = modules(root), set()
    for importer, path in known.items():
        package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            for module, name in names(node, package):
                found.add(Edge(importer, f"{module}.{name}" if f"{module}.{name}" in known else module))
    return sorted(found - {Edge(name, name) for name in known}, key=str)


def room(module: str) -> str:
    """The part of the house a module stands in: `bot.store`, `adapters.web`, `serving`."""
    parts = module.split(".")
    return ".".join(parts[: 2 if parts[0] in {"bot", "adapters"} else 1])


def rank(module: str) -> int:
    return RANKS.get(room(module), GROUND)


def within(module: str, names_: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names_)


def allowed_inside_bot(edge: Edge) -> bool:
    here, there = room(edge.importer), room(edge.imported)
    if here == there:
        return True
    if there == "bot.cli":
        return here == "bot.__main__"
    if here == "bot.delivery":
        return rank(edge.imported) <= RANKS["bot.store"]
    if {here, there} == {"bot.conversation", "bot.delivery"}:
        return False
    return rank(edge.imported) <= rank(edge.importer)


def allowed(edge: Edge) -> bool:
    """Whether one import keeps the dependency rule."""
    here, there = edge.importer.split(".")[0], edge.imported.split(".")[0]
    if there in ENGINE:
        return bool(re.fullmatch(r"serving\.(engine|conver)\w*(\..+)?", edge.importer))
    if there in CHANNEL_SDKS:
        return within(edge.importer, (CHANNEL_SDKS[there],))
    if there == "tests":
        return False
    if there not in PACKAGES or within(edge.importer, ("bot.cli",)):
        return True
    match here, there:
        case "bot", "bot":
            return allowed_inside_bot(edge)
        case "adapters", "bot":
            return edge.imported in FACE
        case "adapters", "adapters":
            return room(edge.importer) == room(edge.imported) or edge.imported in SHARED
        case "migrations", "bot":
            return within(edge.imported, TYPES_OF_THE_STORE)
        case _:
            return here == there


def rings(graph: set[tuple[str, str]]) -> list[str]:
    """Names that reach themselves by imports."""
    reach = set(graph)
    while more := {(a, d) for a, b in reach for c, d in graph if b == c} - reach:
        reach |= more
    return sorted(f"{a} and {b} import each other" for a, b in reach if a < b and (b, a) in reach)


def forbidden_imports(root: Path) -> list[str]:
    return [str(edge) for edge in edges(root) if not allowed(edge)]


def mutual_imports(root: Path) -> list[str]:
    ours = [edge for edge in edges(root) if edge.imported.split(".")[0] in PACKAGES]
    between_modules = {(edge.importer, edge.imported) for edge in ours}
    between_rooms = {(room(a), room(b)) for a, b in between_modules if room(a) != room(b)}
    return sorted({*rings(between_modules), *rings(between_rooms)})


def rooms_without_a_place(root: Path) -> list[str]:
    packages = {room(name) for name, path in modules(root).items() if name.startswith("bot.") and path.parent != root / "bot"}
    return [f"{name} has no place in the order" for name in sorted(packages - RANKS.keys())]


Rule = Callable[[Path], list[str]]
RULES: tuple[Rule, ...] = (forbidden_imports, mutual_imports, rooms_without_a_place)

BROKEN: list[tuple[Rule, dict[str, str], str]] = [
    # the four packages
    (forbidden_imports, {"adapters/web/page.py": "import bot.store"}, "adapters.web.page imports bot.store"),
    (forbidden_imports, {"adapters/web/page.py": "from bot import worker", "bot/worker.py": ""}, "imports bot.worker"),
    (forbidden_imports, {"adapters/web/page.py": "from ..terminal import a", "adapters/terminal/a.py": ""}, "terminal.a"),
    (
        forbidden_imports,
        {"adapters/columns.py": "import adapters.web.page", "adapters/web/page.py": ""},
        "adapters.columns imports",
    ),
    (forbidden_imports, {"bot/worker.py": "def late():\n    import adapters.web"}, "bot.worker imports adapters.web"),
    (forbidden_imports, {"bot/http.py": "import_module('serving.engine')"}, "bot.http imports serving.engine"),
    (forbidden_imports, {"bot/http.py": "import tests.faults"}, "bot.http imports tests.faults"),
    (forbidden_imports, {"serving/node.py": "from bot.errors import X"}, "serving.node imports bot.errors"),
    (forbidden_imports, {"migrations/env.py": "from bot.store.sqlite import X"}, "imports bot.store.sqlite"),
    # SDKs and the engine
    (forbidden_imports, {"bot/worker.py": "import aiogram.types"}, "bot.worker imports aiogram.types"),
    (forbidden_imports, {"adapters/telegram/bot.py": "import discord"}, "adapters.telegram.bot imports discord"),
    (forbidden_imports, {"serving/supervisor.py": "def f():\n    import torch"}, "serving.supervisor imports torch"),
    # the order inside bot
    (forbidden_imports, {"bot/events.py": "import bot.settings"}, "bot.events imports bot.settings"),
    (forbidden_imports, {"bot/settings.py": "import bot.store.ids"}, "bot.settings imports bot.store.ids"),
    (forbidden_imports, {"bot/store/turns.py": "import bot.language.detect"}, "bot.store.turns imports"),
    (forbidden_imports, {"bot/conversation/a.py": "import bot.delivery.b"}, "bot.conversation.a imports bot.delivery.b"),
    (forbidden_imports, {"bot/delivery/a.py": "import bot.conversation.b"}, "bot.delivery.a imports bot.conversation.b"),
    (forbidden_imports, {"bot/delivery/a.py": "import bot.generation.b"}, "bot.delivery.a imports bot.generation.b"),
    (forbidden_imports, {"bot/desk/a.py": "import bot.commands.b"}, "bot.desk.a imports bot.commands.b"),
    (forbidden_imports, {"bot/worker.py": "import bot.application"}, "bot.worker imports bot.application"),
    (forbidden_imports, {"bot/application.py": "import bot.cli.main"}, "bot.application imports bot.cli.main"),
    # rings
    (mutual_imports, {"bot/events.py": "import bot.views", "bot/views.py": "import bot.events"}, "bot.events and bot.views"),
    (
        mutual_imports,
        {"serving/a.py": "from . import b", "serving/b.py": "from .c import x", "serving/c.py": "def f():\n    from .a import y"},
        "serving.a and serving.c",
    ),
    (
        mutual_imports,
        {
            "bot/language/a.py": "import bot.knowledge.b",
            "bot/knowledge/b.py": "",
            "bot/knowledge/c.py": "import bot.language.d",
            "bot/language/d.py": "",
        },
        "bot.knowledge and bot.language",
    ),
    # a new room has to be given its place
    (rooms_without_a_place, {"bot/attic/box.py": ""}, "bot.attic has no place"),
]

KEPT = {
    "adapters/web/page.py": "from bot import events, ports\nfrom . import stream\nimport aiohttp",
    "adapters/web/stream.py": "from bot.views import TurnView",
    "adapters/telegram/poll.py": "import aiogram\nfrom adapters.columns import columns",
    "adapters/columns.py": "import wcwidth",
    "bot/__main__.py": "from bot.cli.main import main",
    "bot/cli/main.py": "import adapters.web.page, serving.node, bot.application",
    "bot/events.py": "",
    "bot/ports.py": "import bot.events",
    "bot/views.py": "",
    "bot/settings.py": "import bot.errors",
    "bot/store/sqlite.py": "import bot.errors, bot.settings",
    "bot/store/tables/__init__.py": "from bot.store.tables.turns import turn",
    "bot/store/tables/turns.py": "",
    "bot/knowledge/search.py": "import bot.language.detect",
    "bot/conversation/manager.py": "from bot import settings, store\nfrom bot.generation import client",
    "bot/delivery/relay.py": "import bot.store.sqlite, bot.ports, bot.settings",
    "bot/worker.py": "import bot.conversation.manager, bot.delivery.relay",
    "bot/application.py": "import bot.worker",
    "serving/engine.py": "import vllm",
    "serving/node.py": "import serving.catalogue",
    "migrations/env.py": "from bot.store.tables import metadata",
}


def build(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


@pytest.mark.parametrize(("rule", "files", "complaint"), BROKEN, ids=lambda value: value if isinstance(value, str) else "")
def test_a_tree_that_breaks_the_rule_is_named(rule: Rule, files: dict[str, str], complaint: str, tmp_path: Path) -> None:
    assert complaint in "\n".join(rule(build(tmp_path, files)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_tree_that_keeps_the_rules_is_left_alone(rule: Rule, tmp_path: Path) -> None:
    assert rule(build(tmp_path, KEPT)) == []

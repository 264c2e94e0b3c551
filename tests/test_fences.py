"""Fences every file keeps: length, names, broad excepts, no host or folder of one place; each proved able to fail."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("bot/", "adapters/", "serving/", "migrations/")
SHAPELESS = {"utils", "common", "helpers", "base", "core", "misc"}
LONGEST = 300
MOST_BROAD_EXCEPTS = 5
REGISTRY = re.compile(r"p[y]pi\.org|python[h]osted\.org|registry\.npm[j]s|conda\.anacon[d]a|download\.py[t]orch\.org")
MACHINE = re.compile(r"(?<![\w.:/-])/(?:work|root|home|Users|opt/wheels|opt/pypi)/")
NAMES_TORCH_INDEX = ".ci/setup.py"


def sources(root: Path) -> Iterator[tuple[str, str]]:
    """(name, text) of every tracked text file; of every file where there is no git."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    tracked = listed.stdout.split("\0")[:-1] if listed.returncode == 0 and (root / ".git").exists() else None
    for path in [root / name for name in tracked] if tracked is not None else root.rglob("*"):
        hidden = any(part.startswith(".") and part != ".ci" for part in path.relative_to(root).parts[:-1])
        if path.is_file() and not hidden and path.parent.name != "__pycache__":
            try:
                yield path.relative_to(root).as_posix(), path.read_text()
            except UnicodeDecodeError:
                continue


def long_modules(root: Path) -> list[str]:
    counted = ((name, len(text.splitlines())) for name, text in sources(root) if name.endswith(".py"))
    return [f"{name} has {lines} lines" for name, lines in counted if lines > LONGEST]


def shapeless_modules(root: Path) -> list[str]:
    return [name for name, _ in sources(root) if name.endswith(".py") and SHAPELESS & set(Path(name).with_suffix("").parts)]


def catches_everything(node: ast.AST) -> bool:
    """Whether it may swallow any error; a handler that ends by raising only cleans up or translates."""
    match node:
        case ast.ExceptHandler(body=[*_, ast.Raise()]):
            return False
        case ast.ExceptHandler(type=None):
            return True
        case ast.ExceptHandler(type=ast.expr() as caught):
            named = [caught]
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=named):
            pass
        case _:
            return False
    words = {getattr(word, "id", "") for one in named for word in ast.walk(one)}
    return bool(words & {"Exception", "BaseException"})


def broad_excepts(root: Path) -> list[str]:
    found, unnamed = [], []
    for name, text in sources(root):
        if not (name.endswith(".py") and name.startswith(PRODUCT)):
            continue
        nodes = filter(catches_everything, ast.walk(ast.parse(text)))
        for line in sorted(node.lineno for node in nodes if isinstance(node, (ast.ExceptHandler, ast.Call))):
            found.append(f"{name}:{line}")
            if not re.search(r"#.*\bboundary\b", "\n".join(text.splitlines()[line - 2 : line + 1])):
                unnamed.append(f"{name}:{line} catches everything without naming its loop boundary")
    return unnamed + ([f"{len(found)} broad excepts: {found}"] if len(found) > MOST_BROAD_EXCEPTS else [])


def places(root: Path) -> list[str]:
    """Registry hosts and one machine's paths: what makes a checkout work in one place only."""
    return [
        f"{name} names {hit[0]}"
        for name, text in sources(root)
        for pattern in (REGISTRY, MACHINE)
        for hit in pattern.finditer(text)
        if not (name == NAMES_TORCH_INDEX and hit[0].startswith("download"))
    ]


Rule = Callable[[Path], list[str]]
RULES: tuple[Rule, ...] = (long_modules, shapeless_modules, broad_excepts, places)
BROAD = "try:\n    pass\nexcept Exception:  # loop boundary: worker\n    pass\n"
CLEANING = "try:\n    pass\nexcept BaseException:\n    close()\n    raise\n"

BROKEN: list[tuple[Rule, dict[str, str], str]] = [
    (long_modules, {"serving/long.py": "x = 1\n" * 301}, "serving/long.py has 301 lines"),
    (shapeless_modules, {"serving/utils.py": ""}, "serving/utils.py"),
    (shapeless_modules, {"bot/store/helpers/rows.py": ""}, "bot/store/helpers/rows.py"),
    (broad_excepts, {"bot/a.py": BROAD.replace("boundary", "")}, "bot/a.py:3"),
    (broad_excepts, {"bot/a.py": "with suppress(ValueError, Exception):\n    pass"}, "bot/a.py:1"),
    (broad_excepts, {"bot/a.py": "try:\n    pass\nexcept:\n    pass"}, "bot/a.py:3"),
    (broad_excepts, {"bot/a.py": CLEANING.replace("    raise", "    if x:\n        raise")}, "bot/a.py:3"),
    (broad_excepts, {"bot/a.py": BROAD * 6}, "6 broad excepts"),
    (places, {"docs/a.md": "pip install -i https://py" + "pi.org/simple"}, "docs/a.md names"),
    (places, {".ci/setup.py": "https://files.python" + "hosted.org"}, ".ci/setup.py names"),
    (places, {"docs/a.md": "download.py" + "torch.org"}, "docs/a.md names"),
    (places, {"tests/a.py": "open('/ro" + "ot/x')"}, "tests/a.py names"),
]

KEPT = {
    "bot/worker.py": BROAD,
    "bot/store/sqlite.py": CLEANING * 9,
    "tests/faults/driver.py": BROAD.replace("boundary", ""),
    "serving/full.py": "x = 1\n" * LONGEST,
    ".ci/setup.py": "https://download.py" + "torch.org/whl/cpu",
    "docs/guide.md": "see https://example.org/work/plan and ./home/page",
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

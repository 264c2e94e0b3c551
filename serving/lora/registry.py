"""The versions of every LoRA under a model store: each appears whole, by one rename, or not at all.

<root>/lora/<name>/<n>/           version n: its two files, and `frontdesk.json` telling sizes, sha256 and the model it is for
<root>/lora/.incoming/<name>/     one being copied; what a killed copy left here is removed by the next
<root>/lora/loaded.json           what nodes have loaded (`serving/lora/loaded.py`)

A number is never given twice: vLLM knows what it has cached by name and folder. A removed version leaves its `frontdesk.json`.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from serving.errors import LoraError
from serving.lora import weights
from serving.lora.copying import copied, digest
from serving.lora.locking import locked
from serving.lora.naming import NAME, check_name, same_model
from serving.models.store import MANIFEST, manifest, sync


@dataclass(frozen=True, slots=True)
class Version:
    """One version as recorded: `sha256` of the weights, `size` in bytes, `added` an ISO time in UTC."""

    name: str
    number: int
    base: str
    rank: int
    sha256: str
    size: int
    added: str
    folder: Path


class Registry:
    """All LoRAs of the model store at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "lora"

    def names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir() and NAME.fullmatch(path.name))

    def versions(self, name: str) -> list[Version]:
        """Those that are there, the oldest first."""
        found = [_version(name, number, told, path) for number, path, told in self._recorded(name) if not told.get("removed")]
        return sorted(found, key=lambda one: one.number)

    def find(self, name: str, number: int | None = None) -> Version:
        """That version, or the newest; raises LoraError."""
        there = self.versions(check_name(name))
        if not there:
            raise LoraError(f"{name}: there is no LoRA of that name in the store; see frontdesk models lora list")
        chosen = next((one for one in reversed(there) if number in {None, one.number}), None)
        if chosen is None:
            raise LoraError(f"{name}: there is no version {number}; there are {', '.join(str(one.number) for one in there)}")
        return chosen

    def add(self, name: str, source: Path, base: str, *, model: Path | None, believed: bool, sha256: str = "") -> Version:
        """Copy the LoRA of a folder (or of the weights file in one) in as the next version of `name`, for the model served as
        `base`. `model`: that model's folder, if it is here; `believed`: a person says it is for that model, whatever its config
        says; `sha256`: what the weights must have. The same weights again are the version they are already. Raises LoraError.
        """
        folder = source.parent if source.is_file() else source
        found = weights.read(folder)
        if not believed and not same_model(found.base, base):
            raise LoraError(
                f"{folder}: it was trained for {found.base or 'a model that its config does not name'}, and this is {base}: "
                "name the model with --base if it is the same all the same"
            )
        if model is not None:
            _told_for(folder, found, model)
        with self._making(check_name(name)) as incoming:
            digests = {file: copied(folder / file, incoming / file) for file in weights.FILES}
            if sha256 and sha256.lower() != digests[weights.WEIGHTS]:
                raise LoraError(f"{folder / weights.WEIGHTS}: its sha256 is {digests[weights.WEIGHTS]}, and not what was named")
            for one in self.versions(name):
                if one.base == base and self._digests(one) == digests:
                    return one
            return self._finish(name, incoming, base, weights.read(incoming), digests)

    def checked(self, name: str, number: int, *, sha256: str = "") -> Version:
        """The version, when each of its files is the very one that was added; raises LoraError. Reads all of them."""
        found, root = self.find(name, number), self.folder.resolve()
        digests = self._digests(found)
        if sha256 and sha256.lower() != found.sha256:
            raise LoraError(f"{name} version {number}: its sha256 is {found.sha256}, and not what was named")
        for file in weights.FILES:
            path = found.folder / file
            if path.resolve() != root / name / str(number) / file:
                raise LoraError(f"{name} version {number}: {file} is not in the store itself")
            if not path.is_file() or digest(path) != digests.get(file):
                raise LoraError(f"{name} version {number}: {file} is not what was added (its sha256 differs): add it again")
        return found

    def remove(self, name: str, number: int) -> Version:
        """Delete the files of a version; that it was there stays recorded. Raises LoraError."""
        with locked(self.root):
            found = self.find(name, number)
            told = {**(manifest(found.folder) or {}), "removed": _now()}
            draft = found.folder / f".{MANIFEST}"
            draft.write_text(json.dumps(told, indent=1))
            sync(draft)
            draft.replace(found.folder / MANIFEST)
            for file in weights.FILES:
                (found.folder / file).unlink(missing_ok=True)
            sync(found.folder)
        return found

    @contextlib.contextmanager
    def _making(self, name: str) -> Iterator[Path]:
        incoming = self.folder / ".incoming" / name
        with locked(self.root):
            try:
                shutil.rmtree(incoming, ignore_errors=True)
                incoming.mkdir(parents=True)
                yield incoming
            except OSError as error:
                raise LoraError(f"{name}: {error}") from error
            finally:
                shutil.rmtree(incoming, ignore_errors=True)

    def _finish(self, name: str, incoming: Path, base: str, found: weights.Weights, digests: dict[str, str]) -> Version:
        number = max((taken for taken, _, _ in self._recorded(name)), default=0) + 1
        told = {
            "name": name,
            "version": number,
            "base": base,
            "rank": found.rank,
            "added": _now(),
            "files": {file: (incoming / file).stat().st_size for file in weights.FILES},
            "sha256": digests,
        }
        (incoming / MANIFEST).write_text(json.dumps(told, indent=1))
        for file in (*weights.FILES, MANIFEST):
            sync(incoming / file)
        sync(incoming)
        place = self.folder / name / str(number)
        place.parent.mkdir(exist_ok=True)
        incoming.rename(place)
        sync(place.parent)
        sync(self.folder)
        return _version(name, number, told, place)

    def _recorded(self, name: str) -> Iterator[tuple[int, Path, dict[str, Any]]]:
        """Every number that was ever given, with its folder and what is recorded there."""
        above = self.folder / name
        for path in above.iterdir() if above.is_dir() else ():
            if path.name.isdecimal() and path.name.isascii() and (told := manifest(path)) is not None:
                yield int(path.name), path, told

    def _digests(self, version: Version) -> dict[str, str]:
        told = (manifest(version.folder) or {}).get("sha256")
        return told if isinstance(told, dict) else {}


def _told_for(folder: Path, found: weights.Weights, model: Path) -> None:
    try:
        found.check_fits(model)
    except LoraError as error:
        raise LoraError(f"{folder}: {error}") from error


def _version(name: str, number: int, told: dict[str, Any], folder: Path) -> Version:
    try:
        sha256 = str(told["sha256"][weights.WEIGHTS])
        size = sum(int(count) for count in told["files"].values())
        return Version(name, number, str(told["base"]), int(told["rank"]), sha256, size, str(told["added"]), folder)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LoraError(f"{folder / MANIFEST} is damaged ({type(error).__name__}): remove the folder") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

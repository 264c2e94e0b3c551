"""`python -m serving.models.hub REPO REVISION FOLDER FREE_BYTES`: a repository of a hub, into a folder.

A process of its own: the hub's endpoint and token are read from the environment when its library is imported
(HF_ENDPOINT, HF_TOKEN). Files that a killed download left in FOLDER are completed, not fetched again.
"""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from serving import lifeline
from serving.models.growth import telling_growth
from serving.models.task import fail, step

BESIDE = (".json", ".txt", ".model", ".jinja", ".tiktoken")
NOT_OURS = ("original/", "onnx/", "gguf/")
ASK_S = 30.0


@dataclass(frozen=True, slots=True)
class File:
    """One file of a repository; the hub tells a sha256 only for large ones."""

    path: str
    size: int
    sha256: str | None


class NoRoom(Exception):
    """The disk cannot hold what is to be fetched; told with numbers."""


def main(argv: list[str]) -> int:
    repo, revision, folder, free = argv[0], argv[1], Path(argv[2]), int(argv[3])
    lifeline.watch(sys.stdin.fileno(), lambda: os._exit(1))
    os.environ |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "30")
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of whichever client it is built on

    try:
        download(repo, revision, folder, free)
    except NoRoom as error:
        return fail(str(error))
    except (HTTPError, OSError, ValueError) as error:
        return fail(explained(error, repo, revision))
    return 0


def explained(error: Exception, repo: str, revision: str) -> str:
    """What a person can do about an error of the hub's library."""
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError, RevisionNotFoundError

    match error:
        case RevisionNotFoundError():
            return f"the hub has no revision {revision} of {repo}"
        case GatedRepoError():
            return f"the hub gives {repo} only to those who accepted its terms (HF_TOKEN)"
        case RepositoryNotFoundError():
            return f"the hub has no model {repo}, or it is not public (HF_TOKEN)"
        case OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE is set, so the hub is not asked"
        case _:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            return f"the hub did not give it ({first}); the next pull goes on where this one stopped"


def download(repo: str, revision: str, folder: Path, free: int) -> None:
    """All files of the revision into `folder`; raises what the hub's library raises, NoRoom, OSError for damage."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    commit = str(api.repo_info(repo, revision=revision, timeout=ASK_S).sha)
    keep_only_of(commit, folder)
    tree = api.list_repo_tree(repo, recursive=True, revision=commit)
    listed = [File(item.path, item.size, item.lfs.sha256 if item.lfs else None) for item in tree if isinstance(item, RepoFile)]
    files = wanted(listed)
    need = sum(file.size for file in files) - sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if need > free:
        raise NoRoom(f"needs {need / 1e6:,.0f} MB in {folder}, where {free / 1e6:,.0f} MB are free")
    with telling_growth(f"fetching {repo}", folder, sum(file.size for file in files), step):
        for file in files:
            fetch(repo, commit, file, folder)


def wanted(files: list[File]) -> list[File]:
    """What vLLM loads: the safetensors, or the older form where there are none, and all that goes with them."""
    weights = ".safetensors" if any(file.path.endswith(".safetensors") for file in files) else ".bin"
    return [file for file in files if file.path.endswith((weights, *BESIDE)) and not file.path.startswith(NOT_OURS)]


def keep_only_of(commit: str, folder: Path) -> None:
    """Drop what a pull of another commit has left, so that two are never mixed."""
    mark = folder.with_name("commit")
    if not mark.exists() or mark.read_text() != commit:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    mark.write_text(commit)


def fetch(repo: str, commit: str, file: File, folder: Path) -> None:
    """One file, from where an earlier try stopped; it gets its name when it is whole and right."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # public, not listed

    path = folder / file.path
    if not path.resolve().is_relative_to(folder.resolve()):
        raise OSError(f"the hub names a file outside its folder: {file.path}")
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    if part.exists() and part.stat().st_size > file.size:
        part.unlink()
    with part.open("ab") as out:
        http_get(
            hf_hub_url(repo, file.path, revision=commit),
            out,
            resume_size=out.tell(),
            headers=build_hf_headers(),
            expected_size=file.size,
        )
    if part.stat().st_size != file.size or file.sha256 not in (None, sha256(part)):
        part.unlink()
        raise OSError(f"{file.path} came damaged and was removed")
    part.rename(path)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

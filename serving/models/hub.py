"""`python -m serving.models.hub REPO REVISION FOLDER FREE_BYTES`: a repository of a hub, into a folder.

A process of its own: the hub's endpoint and token are read from the environment when its library is imported
(HF_ENDPOINT, HF_TOKEN). Files that a killed download left in FOLDER are completed, not fetched again.
"""

import os
import sys
from pathlib import Path

from serving import lifeline
from serving.models.growth import telling_growth
from serving.models.task import fail, step

PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken"]
NOT_OURS = ["original/*", "onnx/*", "gguf/*"]


def main(argv: list[str]) -> int:
    repo, revision, folder, free = argv[0], argv[1], Path(argv[2]), int(argv[3])
    lifeline.watch(sys.stdin.fileno(), lambda: os._exit(1))
    os.environ |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "30")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        plan = snapshot_download(
            repo, revision=revision, local_dir=folder, allow_patterns=PATTERNS, ignore_patterns=NOT_OURS, dry_run=True
        )
        need = sum(file.file_size or 0 for file in plan if file.will_download)
        if need > free:
            return fail(f"needs {need / 1e6:,.0f} MB in {folder.parent}, where {free / 1e6:,.0f} MB are free")
        with telling_growth(f"fetching {repo}", folder, sum(file.file_size or 0 for file in plan), step):
            snapshot_download(repo, revision=revision, local_dir=folder, allow_patterns=PATTERNS, ignore_patterns=NOT_OURS)
    except RevisionNotFoundError:
        return fail(f"the hub has no revision {revision} of {repo}")
    except RepositoryNotFoundError:
        return fail(f"the hub has no model {repo}, or it is not public (HF_TOKEN)")
    except LocalEntryNotFoundError:
        return fail("the hub cannot be reached (HF_ENDPOINT, HF_HUB_OFFLINE)")
    except (HfHubHTTPError, OSError, ValueError) as error:
        return fail(f"the download failed and goes on with the next pull: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

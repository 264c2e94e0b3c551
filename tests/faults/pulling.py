"""A pull of the default model that is killed at a point of its conversion. `pull POINT ROOT`; `convert` is its own child.

The points are reached by wrappers around the converter's steps and the folder of finished models; the product knows none of them.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving import conversion
from serving.models import pull, store, task
from serving.progress import Printed, Report

POINT = "TESTS_FAULT_POINT"
MODEL = "smollm2-135m-instruct"
# in the converter's process: the model is read, its weights are written, all is written; in the puller's: around the one rename
POINTS = ("conversion:read", "conversion:weights", "conversion:written", "finish:before", "finish:inside", "finish:after")


def reach(point: str) -> None:
    """Die here, and with the converter the one who asked for it."""
    if os.environ[POINT] != point:
        return
    if point.startswith("conversion:"):
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def before(point: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def fused(*given: Any, **named: Any) -> Any:
        reach(point)
        return function(*given, **named)

    return fused


def convert(words: list[str]) -> int:
    conversion.write = before("conversion:read", conversion.write)
    conversion.tell_end = before("conversion:weights", conversion.tell_end)
    status = conversion.main(words)
    reach("conversion:written")
    return status


def pulled(root: Path) -> None:
    run, finish = task.run, store.Store.finish

    def run_fused(name: str, module: str, words: list[str], report: Report) -> None:
        assert module == "serving.conversion"
        run(name, "tests.faults.pulling", ["convert", *words], report)

    def finish_fused(self: store.Store, *given: Any) -> Path:
        reach("finish:before")
        path = finish(self, *given)
        reach("finish:after")
        return path

    task.run = run_fused  # type: ignore[assignment]
    store.Store.finish = finish_fused  # type: ignore[method-assign]
    store.sync = before("finish:inside", store.sync)
    pull.pull(MODEL, root, Printed(sys.stderr))


if __name__ == "__main__":
    if sys.argv[1] == "convert":
        sys.exit(convert(sys.argv[2:]))
    os.environ[POINT] = sys.argv[2]
    pulled(Path(sys.argv[3]))

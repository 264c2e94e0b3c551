"""Slow work in a child process that dies with us and tells its progress line by line.

The child's standard output: `step DONE TOTAL WHAT` moves the bar, `error TEXT` is the one line to show; all else is
kept and shown only when the child fails without a word.
"""

import contextlib
import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence

from serving.errors import ModelError
from serving.progress import Report


def run(name: str, module: str, words: Sequence[str], report: Report, environ: Mapping[str, str] | None = None) -> None:
    """Run `python -m module words` to its end; raises ModelError with the child's own line when it fails."""
    command = [sys.executable, "-m", module, *words]
    tail: deque[str] = deque(maxlen=5)
    told = ""
    # standard input is the lifeline: it ends when we die
    with (
        subprocess.Popen(  # noqa: S603  # our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(environ or {})},
        ) as child,
        contextlib.ExitStack() as undo,
    ):
        undo.callback(child.kill)
        assert child.stdout is not None
        for line in child.stdout:
            told = understand(line.rstrip(), tail, report) or told
        undo.pop_all()
    if child.returncode:
        raise ModelError(f"{name}: {told or ' / '.join(tail) or f'{module} ended with status {child.returncode}'}")


def understand(line: str, tail: deque[str], report: Report) -> str:
    """Act on one line of the child; returns its error, if it tells one."""
    kind, _, rest = line.partition(" ")
    if kind == "step" and len(parts := rest.split(" ", 2)) == 3:
        report.step(parts[2], int(parts[0]), int(parts[1]))
    elif kind == "error":
        return rest
    elif line:
        tail.append(line)
    return ""


def step(what: str, done: int, total: int) -> None:
    """In the child: tell progress."""
    print(f"step {done} {total} {what}", flush=True)  # noqa: T201


def fail(text: str) -> int:
    """In the child: the line to show, and the exit status."""
    print(f"error {text.splitlines()[0] if text else 'failed'}", flush=True)  # noqa: T201
    return 1

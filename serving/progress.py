"""Progress that a person can read on a terminal and in a log file alike."""

import sys
import time
from typing import Protocol, TextIO


class Report(Protocol):
    """Where slow work says how far it is."""

    def line(self, text: str) -> None: ...

    def step(self, what: str, done: int, total: int) -> None:
        """`done` of `total` bytes, or any other unit, of the work named `what`."""


class Printed:
    """A bar that redraws itself on a terminal; elsewhere a line at the start, each 10 s and at the end."""

    def __init__(self, out: TextIO | None = None, every_s: float = 10.0) -> None:
        self._out = out or sys.stdout
        self._bar = self._out.isatty()
        self._every_s = 0.1 if self._bar else every_s
        self._what = ""
        self._said = 0.0
        self._open = False

    def line(self, text: str) -> None:
        self._close()
        self._write(text + "\n")

    def step(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what == self._what and done < total and now - self._said < self._every_s:
            return
        if what == self._what and not self._open and done >= total and not self._said:
            return
        self._what, self._said = what, now
        percent = min(100, 100 * done // total) if total else 100
        if not self._bar:
            self._write(f"{what}: {percent}%\n")
            return
        self._open = True
        self._write(f"\r{what}: [{'#' * (percent // 4):<25}] {percent:3d}%")
        if percent >= 100:
            self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._write("\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

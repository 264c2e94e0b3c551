"""The benchmarks run and their table is whole; what the figures are is for `make bench` to say."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import BENCHES, NEED_ENGINE, measure
from tests.bench.figures import Figure, figure

ROOT = Path(__file__).parents[2]


async def bench(out: Path, *names: str) -> tuple[int | None, str]:
    """Exit status and what is printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench", "--quick", "--out", str(out), *names), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 400)
    return process.returncode, printed.decode()


async def test_the_quick_form_prints_a_whole_table(tmp_path: Path) -> None:
    status, printed = await bench(tmp_path / "bench.json")
    assert status == 0
    document = json.loads((tmp_path / "bench.json").read_text())
    assert document["failed"] == {}
    assert {figure["bench"] for figure in document["figures"]} == BENCHES.keys() - NEED_ENGINE
    assert all(figure["low"] <= figure["value"] <= figure["high"] for figure in document["figures"])
    assert all(figure["name"] in printed and figure["mode"] in printed for figure in document["figures"])


def test_a_figure_that_fails_does_not_take_the_others_along(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_quick: bool) -> list[Figure]:
        raise ConnectionError("no engine")

    async def works(_quick: bool) -> list[Figure]:
        return [figure("speed", "alone", "", [3.0, 1.0, 2.0], at_least=2)]

    monkeypatch.setitem(BENCHES, "fails", fails)
    monkeypatch.setitem(BENCHES, "works", works)
    figures, failed = measure(["fails", "works"], quick=True)
    assert failed == {"fails": "ConnectionError: no engine"}
    assert [(one.value, one.low, one.high, one.met) for one in figures["works"]] == [(2.0, 1.0, 3.0, True)]

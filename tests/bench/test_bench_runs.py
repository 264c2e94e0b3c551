"""The benchmarks run and their table is whole; what the figures are is for `make bench` to say."""

import asyncio
import json
import sys
from pathlib import Path

from tests.bench.__main__ import BENCHES, NEED_ENGINE

ROOT = Path(__file__).parents[2]


async def bench(out: Path, *names: str) -> tuple[int | None, str]:
    """Exit status and what is printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench", "--quick", "--out", str(out), *names), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 250)
    return process.returncode, printed.decode()


async def test_the_quick_form_prints_a_whole_table(tmp_path: Path) -> None:
    status, printed = await bench(tmp_path / "bench.json")
    assert status == 0
    document = json.loads((tmp_path / "bench.json").read_text())
    assert document["failed"] == {}
    assert {figure["bench"] for figure in document["figures"]} == BENCHES.keys() - NEED_ENGINE
    assert all(figure["low"] <= figure["value"] <= figure["high"] for figure in document["figures"])
    assert all(figure["name"] in printed and figure["mode"] in printed for figure in document["figures"])

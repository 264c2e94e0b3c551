"""The benchmarks run and their table is whole; what the figures are is for `make bench` to say."""

import asyncio
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


async def test_the_quick_form_prints_a_whole_table(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench", "--quick", "--out", str(out), "ceiling", "long", "memory"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 200)
    assert process.returncode == 0
    figures = json.loads(out.read_text())
    assert {figure["name"] for figure in figures} >= {
        "platform ceiling",
        "share of the raw driver",
        "growth, one conversation",
        "memory",
    }
    assert all(figure["values"] and figure["name"] in printed.decode() for figure in figures)

"""Where each millisecond of an exchange goes, in-process on SQLite."""

import statistics
import tempfile

from tests.bench.ceiling import Size, measure
from tests.bench.figures import Figure, figure
from tests.bench.load import Cost
from tests.bench.processes import scripted_process
from tests.bench.product import Remote, make_tables
from tests.bench.stages import watched


async def where(runs: int, size: Size) -> list[Figure]:
    """CPU milliseconds of an exchange by stage, the dearest first."""
    spent: list[dict[str, float]] = []
    costs: list[Cost] = []
    async with scripted_process("--pieces", "64") as url:
        for _ in range(runs):
            with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder, watched() as stages:
                database = f"sqlite:///{folder}/a.db"
                make_tables(database)
                costs.append(await measure(database, Remote(url), size, warmed=stages.clear))
                each = {name: ms / costs[-1].exchanges for name, ms in stages.milliseconds().items()}
                spent.append(each)
    name, unit = "where an exchange's time goes", "CPU ms"
    names = {stage: statistics.median(one.get(stage, 0.0) for one in spent) for one in spent for stage in one}
    stages_figures = [
        figure(name, stage, unit, [one.get(stage, 0.0) for one in spent]) for stage in sorted(names, key=names.__getitem__)[::-1]
    ]
    mode = "all stages, SQLite FULL, 64 chunks"
    watching = {"while watched": statistics.median(cost.cpu_ms for cost in costs)}
    return [*stages_figures, figure(name, mode, unit, [sum(one.values()) for one in spent], beside=watching)]

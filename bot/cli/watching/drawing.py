"""A view as lines and tables: one table where the terminal is wide, two below each other where it is not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.cli.watching import wording
from bot.cli.watching.rows import ALL, BotRow, NodeRows, ReplicaRow
from bot.cli.watching.watch import View

FULL = 0.9
STYLES = {"ready": "green", "queueing": "yellow", "restarted": "magenta", "no token": "yellow", "away": "bold red"}
CALM, WARNING, BAD = "", "yellow", "bold red"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading of two lines, what stands below it, and how it looks."""

    heading: str
    text: Callable[[ReplicaRow], str]
    style: Callable[[ReplicaRow], str] = lambda row: CALM  # noqa: ARG005
    left: bool = False


WHO = Column("\nreplica", lambda row: wording.plain(row.name), left=True)
WORK = (
    Column("\nstate", lambda row: row.state, lambda row: STYLES[row.state], left=True),
    Column("\nup", lambda row: wording.age(row.up_s)),
    Column("run-\nning", lambda row: wording.count(row.running)),
    Column("wait-\ning", lambda row: wording.count(row.waiting), lambda row: WARNING if row.waiting else CALM),
    Column("\nslots", lambda row: wording.of(row.answers, row.slots)),
    Column("back\nwork", lambda row: wording.of(row.background, row.background_slots)),
    Column("est.\nwait", wording.wait),
    Column("KV\nuse", lambda row: wording.share(row.kv_use), lambda row: BAD if (row.kv_use or 0) >= FULL else CALM),
    Column("prefix hit\nlately all", lambda row: f"{wording.share(row.hits_lately)} {wording.share(row.hits):>4}"),
)
SPEED = (
    Column("first token\n  p50   p95", lambda row: wording.spread(row.first_token)),
    Column("inter-token\n  p50   p95", lambda row: wording.spread(row.inter_token)),
    Column("tokens/s\n   in   out", lambda row: f"{wording.count(row.tokens_in_s)} {wording.count(row.tokens_out_s):>5}"),
    Column(
        "\nrefused", lambda row: wording.tally(row.refused), lambda row: WARNING if row.refused and row.refused.lately else CALM
    ),
    Column(
        "pre-\nempt",
        lambda row: wording.tally(row.preemptions),
        lambda row: WARNING if row.preemptions and row.preemptions.lately else CALM,
    ),
    Column("re-\nstarts", lambda row: wording.count(row.restarts)),
)


def draw(view: View, console: Console, heading: str) -> RenderableType:
    """Everything, as wide as the console is. `heading`: the first line."""
    lines: list[RenderableType] = [Text(heading, style="dim", no_wrap=True, overflow="ellipsis"), _processes(view), Text()]
    if view.node is not None:
        whole = _table((WHO, *WORK, *SPEED), view.node.rows)
        wide = console.measure(whole, options=console.options.update(max_width=1000)).maximum <= console.width
        lines += [whole] if wide else [_table((WHO, *WORK), view.node.rows), Text(), _table((WHO, *SPEED), view.node.rows)]
    return Group(*lines)


def _processes(view: View) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    bot = Text(_doing(view.bot)) if view.bot is not None else Text(wording.plain(view.bot_trouble), style=BAD)
    node = Text(_serving(view.node)) if view.node is not None else Text(wording.plain(view.node_trouble), style=BAD)
    for who, where, what in (("bot", view.bot_at, bot), ("node", view.node_at, node)):
        grid.add_row(Text(who, style="bold"), Text(wording.plain(where.removeprefix("http://")), overflow="fold"), what)
    return grid


def _doing(bot: BotRow) -> str:
    told = [
        f"in flight {wording.count(bot.in_flight)}",
        f"due {wording.count(bot.due)}",
        f"answers/min {wording.count(bot.answers_a_minute)}",
    ]
    if bot.first_text is not None:
        told.append(f"first text p50 {wording.seconds(bot.first_text.p50)} p95 {wording.seconds(bot.first_text.p95)}")
    if bot.restarted:
        told.append("restarted")
    return ", ".join(told)


def _serving(node: NodeRows) -> str:
    lately = f"lately: the last {node.seconds:.0f} s" if node.seconds else ""
    return ", ".join(filter(None, (wording.plain(node.model), lately)))


def _table(columns: Sequence[Column], rows: Sequence[ReplicaRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="")
    for column in columns:
        table.add_column(column.heading, justify="left" if column.left else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            *(Text(column.text(row), style=column.style(row)) for column in columns), style="bold" if row.name == ALL else ""
        )
    return table

"""A view as lines and tables: one table where the terminal is wide, two below each other where it is not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.cli.watching import wording
from bot.cli.watching.rows import BotRow, ReplicaRow
from bot.cli.watching.watch import View

WIDE = 132
FULL = 0.9
STYLES = {"ready": "green", "queueing": "yellow", "restarted": "magenta", "no token yet": "yellow", "away": "bold red"}
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
    Column("\nrunning", lambda row: wording.count(row.running)),
    Column("\nwaiting", lambda row: wording.count(row.waiting), lambda row: WARNING if row.waiting else CALM),
    Column("\nslots", lambda row: wording.of(row.answers, row.slots)),
    Column("back-\nground", lambda row: wording.of(row.background, row.background_slots)),
    Column("starts\nin", wording.wait),
    Column("KV\nuse", lambda row: wording.share(row.kv_use), lambda row: BAD if (row.kv_use or 0) >= FULL else CALM),
    Column("prefix hits\nlately  all", lambda row: f"{wording.share(row.hits_lately):>4} {wording.share(row.hits):>5}"),
)
SPEED = (
    Column("first token\n  p50   p95", lambda row: wording.spread(row.first_token)),
    Column("token to token\n  p50   p95", lambda row: wording.spread(row.inter_token)),
    Column("tokens/s\n   in   out", lambda row: f"{wording.count(row.tokens_in_s):>5} {wording.count(row.tokens_out_s):>5}"),
    Column(
        "\nrefused", lambda row: wording.tally(row.refused), lambda row: WARNING if row.refused and row.refused.lately else CALM
    ),
    Column(
        "pre-\nempted",
        lambda row: wording.tally(row.preemptions),
        lambda row: WARNING if row.preemptions and row.preemptions.lately else CALM,
    ),
    Column("re-\nstarts", lambda row: wording.count(row.restarts)),
)


def draw(view: View, width: int, heading: str) -> RenderableType:
    """Everything, for a terminal of so many columns. `heading`: the first line."""
    lines: list[RenderableType] = [Text(heading, style="dim", no_wrap=True, overflow="ellipsis"), _bot(view), _node(view)]
    if view.node is not None and width >= WIDE:
        lines.append(_table((WHO, *WORK, *SPEED), view.node.rows))
    elif view.node is not None:
        lines += [_table((WHO, *WORK), view.node.rows), _table((WHO, *SPEED), view.node.rows)]
    return Group(*lines)


def _bot(view: View) -> Text:
    if view.bot is None:
        return _trouble("bot", view.bot_at, view.bot_trouble)
    return _line("bot", view.bot_at, _doing(view.bot))


def _doing(bot: BotRow) -> str:
    return ", ".join(
        (
            f"in flight {wording.count(bot.in_flight)}",
            f"due {wording.count(bot.due)}",
            f"answers/min {wording.count(bot.answers_a_minute)}",
            f"first text {wording.spread(bot.first_text)}",
            *(["restarted"] if bot.restarted else []),
        )
    )


def _node(view: View) -> Text:
    if view.node is None:
        return _trouble("node", view.node_at, view.node_trouble)
    told = [wording.plain(view.node.model)]
    if view.node.seconds:
        told.append(f"lately: the last {view.node.seconds:.0f} s")
    return _line("node", view.node_at, ", ".join(filter(None, told)))


def _line(who: str, where: str, what: str) -> Text:
    return Text.assemble((f"{who:<5}", "bold"), f"{wording.plain(where)}  " if where else "", what)


def _trouble(who: str, where: str, trouble: str) -> Text:
    return Text.assemble((f"{who:<5}", "bold"), f"{wording.plain(where)}  " if where else "", (wording.plain(trouble), BAD))


def _table(columns: Sequence[Column], rows: Sequence[ReplicaRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="")
    for column in columns:
        table.add_column(column.heading, justify="left" if column.left else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            *(Text(column.text(row), style=column.style(row)) for column in columns), style="bold" if row.name == "all" else ""
        )
    return table

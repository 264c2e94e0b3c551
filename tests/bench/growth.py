"""Growth: what a turn costs when much is stored; memory: what idle conversations keep."""

import gc
import resource
import sqlite3
import tempfile
from pathlib import Path

from bot.store.sqlite import SqliteStore
from tests.bench.ceiling import make_tables
from tests.bench.figures import Figure
from tests.bench.load import exchanges, scripted_process
from tests.house import Remote, open_house

FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :most)
"""


def fill(file: Path, conversations: int, turns: int) -> None:
    """So many conversations of so many turns, in bulk, beside what the product has made of itself."""
    database = sqlite3.connect(file)
    workspace, account = database.execute("SELECT workspace_id, account_id FROM account").fetchone()
    customer = "c" * 32
    database.execute("INSERT OR IGNORE INTO customer VALUES (?, ?, '', '', 1)", (workspace, customer))
    names = [row[1] for row in database.execute("PRAGMA table_info(conversation)")]
    for number in range(conversations):
        address, conversation = f"a{number:031x}", f"f{number:031x}"
        database.execute("INSERT INTO address VALUES (?, ?, ?, ?, '', 'customer', 1)", (workspace, address, account, address))
        values = {
            **dict.fromkeys(names, 0),
            "workspace_id": workspace,
            "conversation_id": conversation,
            "address_id": address,
            "customer_id": customer,
            "route": "",
            "owner": "bot",
            "epoch": 1,
            "last_seq": turns,
            "last_event": turns,
            "window_key": "",
            "window_break": "",
            "due_at": None,
            "due_since": None,
            "lease_owner": None,
            "closed_at": None,
            "opened_at": 1,
        }
        database.execute(
            f"INSERT INTO conversation ({','.join(values)}) VALUES ({','.join('?' * len(values))})", tuple(values.values())
        )
        database.execute(
            FILL
            + "INSERT INTO turn (workspace_id, conversation_id, seq, role, text, state, revision, created_at, answers_through) "
            "SELECT :w, :c, i, iif(i % 2, 'customer', 'bot'), 'some words of a turn that was said', 'whole', 0, 1, i - 1 FROM n",
            {"most": turns, "w": workspace, "c": conversation},
        )
        database.execute(
            FILL + "INSERT INTO event_log SELECT :w, :a, i, :c, 'turn', i, '', 1 FROM n",
            {"most": turns, "w": workspace, "a": address, "c": conversation},
        )
        database.execute(
            FILL + "INSERT INTO inbox SELECT :w, :acc, :c || i, x'00', x'00', 'turn', '', :c, i, 9e15 FROM n",
            {"most": turns, "w": workspace, "acc": account, "c": conversation},
        )
    database.commit()
    database.close()


async def growth(runs: int, stored: int, each: int) -> list[Figure]:
    """CPU of an exchange beside a million stored turns over an empty database, interleaved."""
    async with scripted_process("--pieces", "8") as url:
        remote = Remote(url, "scripted", "")
        with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
            files = [Path(folder) / "empty.db", Path(folder) / "full.db"]
            for file in files:
                make_tables(f"sqlite:///{file}")
                await _cost(file, remote, "first", 1)
            fill(files[1], max(stored // 1000, 1), 1000)
            ratios = []
            for run in range(runs):
                empty, full = [await _cost(file, remote, f"r{run}", each) for file in files]
                ratios.append(full / empty)
    return [Figure("growth, stored turns", f"{stored:,} stored turns over none, SQLite", "x CPU", ratios, "<= 1.1")]


async def _cost(file: Path, remote: Remote, prefix: str, each: int) -> float:
    store = await SqliteStore.open(file)
    async with open_house(store, remote=remote) as house:
        cost = await exchanges(house, 50, each, prefix)
    await store.close()
    return cost.cpu_ms


async def long_conversation(runs: int, turns: int, each: int) -> list[Figure]:
    """A conversation that is long already over a short one: the window is bounded, so its turn costs the same."""
    async with scripted_process("--pieces", "8") as url:
        remote = Remote(url, "scripted", "")
        with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
            file = Path(folder) / "long.db"
            make_tables(f"sqlite:///{file}")
            store = await SqliteStore.open(file)
            ratios = []
            async with open_house(store, remote=remote, history_tokens=2000) as house:
                await exchanges(house, 1, 60, "long")  # past its budget, so that both have full windows
                await store.write(_lengthen, turns)
                for run in range(runs):
                    long = (await exchanges(house, 1, each, "long")).cpu_ms
                    await exchanges(house, 1, 60, f"short{run}-")
                    short = (await exchanges(house, 1, each, f"short{run}-")).cpu_ms
                    ratios.append(long / short)
            await store.close()
    return [Figure("growth, one conversation", f"{turns:,} turns over 60, SQLite", "x CPU", ratios, "<= 1.1")]


def _lengthen(connection: object, turns: int) -> None:
    """Seqs go on from far away, with old turns before the fold."""
    run = connection.exec_driver_sql  # type: ignore[attr-defined]
    (conversation,) = run("SELECT conversation_id FROM conversation LIMIT 1").one()
    run(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {turns}) "
        "INSERT INTO turn (workspace_id, conversation_id, seq, role, text, state, revision, created_at, answers_through) "
        f"SELECT workspace_id, '{conversation}', -i, 'note', 'old words', 'whole', 0, 1, NULL FROM n, workspace"
    )


async def memory(idle: int) -> list[Figure]:
    """Resident memory after many idle conversations minus after few."""
    async with scripted_process("--pieces", "8") as url:
        with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
            file = Path(folder) / "idle.db"
            make_tables(f"sqlite:///{file}")
            store = await SqliteStore.open(file)
            async with open_house(store, remote=Remote(url, "scripted", "")) as house:
                await exchanges(house, 100, 1, "few")
                few = _resident_mib()
                half = 0.0
                for batch in range(0, idle, 200):
                    await exchanges(house, 200, 1, f"idle{batch}-")
                    half = _resident_mib() if batch <= idle // 2 else half
                many = _resident_mib()
            await store.close()
    beside = {"first half MiB": half - few, "second half MiB": many - half}
    return [Figure("memory", f"{idle:,} idle conversations minus 100", "MiB", [many - few], "no slope", beside)]


def _resident_mib() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20

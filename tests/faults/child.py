"""One life of Frontdesk: the parts of `frontdesk run`, put together by its own composition, with fused ports around them.

Beside the web channel it holds a push account whose platform lives in the driver (`push_house`), or the accounts of its settings
with their real adapters (`receiving.house`).
"""

import asyncio
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop

from adapters.web.routes import ACCOUNT as WEB
from bot import logs
from bot.application import Application, Stage
from bot.cli import assembly, channels, dialogue
from bot.cli.channels import ChannelAccount
from bot.cli.configuration import Configuration, load
from bot.cli.generation import plan as plan_generation
from bot.cli.opening import settle_in
from bot.conversation.intake import StoredCursors
from bot.errors import FrontdeskError
from bot.generation.client import Deadlines
from bot.metrics import Metrics
from bot.secret import Secret
from bot.store import revision
from bot.store.store import Store
from tests.faults import mutants
from tests.faults.points import Fuse, Plan
from tests.faults.push_house import PUSH, push_stage
from tests.faults.receiving import house
from tests.faults.wrapping import FusedClient, FusedPostgres, FusedSqlite, fused_migration


@dataclass(frozen=True, slots=True)
class Life:
    """What a life is told. `settings` are environment variables; `mutant` names a guarantee to break, "" none. `platform`: the
    line of the push account, "" for the accounts of the settings; `port`: where the public listener is, 0 for anywhere.
    """

    number: int
    log: str
    report: str
    platform: str
    settings: Mapping[str, str]
    plan: Plan = field(default_factory=Plan)
    mutant: str = ""
    notice_after_s: float = 1.5
    port: int = 0
    log_level: str = "warning"


def live(asked: dict[str, Any]) -> int:
    """Run until told to stop or killed; the exit code. Called in a fresh process."""
    life = Life(**{**asked, "plan": Plan(**asked["plan"])})
    report = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    report.connect(life.report)

    def say(line: str) -> None:
        report.send(f"{life.number} {line}".encode())

    fuse = Fuse(life.plan, say)
    try:
        configuration = load(None, life.settings)
        logs.configure(life.log_level, "json", stream=sys.stderr)
        with fused_migration(fuse):
            revision.prepare(configuration.database.parsed, say=lambda _line: None)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(life, configuration, fuse))
    except FrontdeskError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        fuse.say(f"refused {type(error).__name__}")
        return 2
    return 0


async def _run(life: Life, configuration: Configuration, fuse: Fuse) -> None:
    dialogue.NOTICE_AFTER_S = life.notice_after_s  # half a minute is long for a test
    store = await _open(configuration, fuse)
    public, private = _listen(life.port), _listen(0)
    push = {PUSH: ""} if life.platform else channels.push_accounts(configuration)
    accounts = await settle_in(store, configuration.workspace, {WEB: "", **push})
    generation = plan_generation(configuration)
    client = _client(configuration, fuse)
    secret = Secret.load(configuration.security.secret_file, sqlite_file=configuration.database.sqlite_file)
    broken = mutants.broken(life.mutant, store, client)
    metrics = Metrics()
    intake = dialogue.open_intake(broken, accounts, configuration.conversation, metrics)
    connected: Sequence[ChannelAccount] = ()
    if not life.platform:
        house.furnish(push, fuse, life.mutant)
        needs = channels.Needs(broken, intake, StoredCursors(broken, accounts), metrics, configuration.database.lease_s)
        connected = channels.connect(configuration, accounts, needs)
    opened = assembly.Opened(broken, accounts, client, generation, secret, metrics, intake, connected)
    stages = list(assembly.stages(configuration, opened, None, public, private, title="Frontdesk"))
    if life.platform:
        line = push_stage(configuration, broken, accounts, client, secret, fuse, life.platform, mutant=life.mutant)
        stages[0] = _merged(stages[0], line)
    fuse.say(f"up {public.getsockname()[1]}")
    try:
        await Application(stages).run()
    finally:
        await client.close()
        await store.close()


async def _open(configuration: Configuration, fuse: Fuse) -> Store:
    file = configuration.database.sqlite_file
    if file is not None:
        FusedSqlite.fuse = fuse
        return await FusedSqlite.open(file)
    FusedPostgres.fuse = fuse
    return await FusedPostgres.open(configuration.database.parsed)


def _client(configuration: Configuration, fuse: Fuse) -> FusedClient:
    settings = configuration.generation
    deadlines = Deadlines(settings.first_token_timeout_s, settings.idle_timeout_s, settings.total_timeout_s)
    FusedClient.fuse = fuse
    return FusedClient(settings.url, settings.model, "", deadlines, connections=72)


def _listen(port: int) -> socket.socket:
    bound = socket.create_server(("127.0.0.1", port), backlog=256)
    bound.setblocking(False)
    return bound


def _merged(first: Stage, second: Stage) -> Stage:
    return Stage([*first.parts, *second.parts], max(first.bound_s, second.bound_s))


def settings_of(database: str, node: str, secret: str, **changed: str) -> dict[str, str]:
    """The environment of a life: short times, so that a run of many deaths is over soon."""
    return {
        "FRONTDESK_DATABASE__URL": database,
        "FRONTDESK_DATABASE__LEASE_S": "1.5",
        "FRONTDESK_SECURITY__SECRET_FILE": secret,
        "FRONTDESK_GENERATION__URL": node,
        "FRONTDESK_GENERATION__MODEL": "scripted",
        "FRONTDESK_GENERATION__FIRST_TOKEN_TIMEOUT_S": "2",
        "FRONTDESK_GENERATION__IDLE_TIMEOUT_S": "1",
        "FRONTDESK_GENERATION__TOTAL_TIMEOUT_S": "6",
        "FRONTDESK_GENERATION__MAX_TOKENS": "256",
        "FRONTDESK_CONVERSATION__DEBOUNCE_MS": "30",
        "FRONTDESK_CONVERSATION__HISTORY_TOKENS": "2500",
        "FRONTDESK_WEB__SESSION_RATE": "0",
        "FRONTDESK_WEB__IP_RATE": "0",
        **{f"FRONTDESK_{name.upper()}": value for name, value in changed.items()},
    }

"""The object graph of the conversation: who takes messages in, answers them, shows them and tidies up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.cli.channels import ChannelAccount
from bot.cli.generation import Generation
from bot.commands.menu import all_commands
from bot.connections import room
from bot.conversation.contents import Contents
from bot.conversation.fetching import Fetching
from bot.conversation.fitting import Fitting
from bot.conversation.intake import StoredIntake
from bot.conversation.line import Line
from bot.conversation.manager import Manager, Voice
from bot.conversation.notices import Notices
from bot.conversation.record import StoredRecord
from bot.conversation.rollover import Rollover
from bot.conversation.storing import SUMMARISE
from bot.conversation.visitors import Visitors
from bot.delivery.preview import PullPreviews, RoutedPreviews
from bot.events import AccountKey, ChannelAddress
from bot.generation.client import GenerationClient
from bot.generation.node import Node
from bot.generation.tide import Tide
from bot.jobs import Jobs
from bot.metrics import Metrics
from bot.secret import Secret
from bot.settings import ConversationSettings, DatabaseSettings, GenerationSettings
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.worker import Worker

# a wait that a customer feels; an engine that is warm answers within it
NOTICE_AFTER_S = 30.0


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What adapters are given, and the parts that run."""

    intake: StoredIntake
    record: StoredRecord
    visitors: Visitors
    tide: Tide
    worker: Worker
    jobs: Jobs
    notices: Notices
    line: Line


def open_intake(
    store: Store, accounts: Mapping[AccountKey, AccountRef], conversation: ConversationSettings, metrics: Metrics
) -> StoredIntake:
    """Where every channel of this process hands in what happened."""
    # an interrupt is cheap, so the first message of a burst is begun at once
    wait_s = 0.0 if conversation.on_new_message == "interrupt" else conversation.debounce_ms / 1000
    return StoredIntake(store, accounts, all_commands(), metrics, debounce_s=wait_s)


def assemble(
    *,
    store: Store,
    accounts: Mapping[AccountKey, AccountRef],
    intake: StoredIntake,
    push: Sequence[ChannelAccount] = (),
    client: GenerationClient,
    generation: Generation,
    settings: GenerationSettings,
    conversation: ConversationSettings,
    database: DatabaseSettings,
    secret: Secret,
    metrics: Metrics,
    routes: Callable[[], Sequence[str]],
    held: Callable[[], Sequence[str]],
) -> Dialogue:
    """Everything between intake and record, over one store and one node. `push`: the push accounts of this process; `held()`
    those for which it speaks now; `routes()` those and the pull channels, for the worker, which shows by asking that it looks.
    """
    debounce_s, interruptible = conversation.debounce_ms / 1000, conversation.on_new_message == "interrupt"
    node, shown = Node(client, settings.dialect), PullPreviews()
    push_channels = PushChannels({account.key: account for account in push})
    # each answer holds a connection, and the listener needs the others
    tide = Tide(metrics, most=generation.max_concurrent or room() // 8)
    fitting = Fitting(store, node, history_tokens=conversation.history_tokens, max_tokens=settings.max_tokens)
    manager = Manager(
        store,
        client,
        node,
        tide,
        fitting,
        Contents(store, {ref.account_id: ref for ref in accounts.values()}),
        Fetching(store, push_channels, metrics),
        RoutedPreviews(shown, {account.account_id: account for account in push}),
        Voice(settings.temperature, debounce_s),
        secret.sign,
        push_channels.split,
        metrics,
    )
    worker = Worker(
        store,
        manager,
        metrics,
        routes,
        tide,
        lease_s=database.lease_s,
        interruptible=interruptible,
    )
    line = Line(store, metrics, held, answer_within_s=conversation.answer_within_s)
    return Dialogue(
        intake=intake,
        record=StoredRecord(store, accounts, shown, line),
        visitors=Visitors(store, accounts),
        tide=tide,
        worker=worker,
        jobs=Jobs(store, {SUMMARISE: Rollover(store, client, node, fitting, secret.sign).run_job}, metrics),
        notices=Notices(
            store, metrics, worker.shown, notice_after_s=NOTICE_AFTER_S, answer_within_s=conversation.answer_within_s
        ),
        line=line,
    )


class PushChannels:
    """What the conversation asks of the push account of an address: how a text is split, and what is in a file."""

    def __init__(self, push: Mapping[AccountKey, ChannelAccount]) -> None:
        self._push = push

    def split(self, address: ChannelAddress, text: str) -> tuple[str, ...]:
        return self._push[address.account_key].split(address, text)

    async def fetch(self, address: ChannelAddress, reference: str, max_bytes: int) -> bytes:
        """See `bot.ports.Files`."""
        return await self._push[address.account_key].fetch(reference, max_bytes)

"""The object graph of the conversation: who takes messages in, answers them, shows them and tidies up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.cli.generation import Generation
from bot.conversation.contents import Contents
from bot.conversation.fitting import Fitting
from bot.conversation.intake import StoredIntake
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
    worker: Worker
    jobs: Jobs
    notices: Notices


def assemble(
    *,
    store: Store,
    accounts: Mapping[AccountKey, AccountRef],
    client: GenerationClient,
    generation: Generation,
    settings: GenerationSettings,
    conversation: ConversationSettings,
    database: DatabaseSettings,
    secret: Secret,
    metrics: Metrics,
    routes: Callable[[], Sequence[str]],
) -> Dialogue:
    """Everything between intake and record, over one store and one node."""
    debounce_s, interruptible = conversation.debounce_ms / 1000, conversation.on_new_message == "interrupt"
    node, shown = Node(client, settings.dialect), PullPreviews()
    fitting = Fitting(store, node, history_tokens=conversation.history_tokens, max_tokens=settings.max_tokens)
    manager = Manager(
        store,
        client,
        node,
        fitting,
        Contents(store, {ref.account_id: ref for ref in accounts.values()}),
        RoutedPreviews(shown, {}),
        Voice(settings.temperature, debounce_s),
        secret.sign,
        _unsplit,
        metrics,
    )
    worker = Worker(
        store,
        manager,
        metrics,
        routes,
        lease_s=database.lease_s,
        max_concurrent=generation.max_concurrent,
        interruptible=interruptible,
    )
    return Dialogue(
        # an interrupt is cheap, so the first message of a burst is begun at once
        intake=StoredIntake(store, accounts, metrics, debounce_s=0.0 if interruptible else debounce_s),
        record=StoredRecord(store, accounts, shown),
        visitors=Visitors(store, accounts),
        worker=worker,
        jobs=Jobs(store, {SUMMARISE: Rollover(store, client, node, fitting, secret.sign).run_job}, metrics),
        notices=Notices(
            store, metrics, worker.shown, notice_after_s=NOTICE_AFTER_S, answer_within_s=conversation.answer_within_s
        ),
    )


def _unsplit(address: ChannelAddress, _text: str) -> tuple[str, ...]:
    raise AssertionError(f"{address.account_key} is no push account of this process")

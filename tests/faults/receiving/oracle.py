"""The oracle of receiving: what customers wrote and what stands in their chats, joined with SQL."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from bot.conversation.telling import WAITING
from bot.store.controls import REMOVED
from tests.faults.oracle import Verdict, judge_web
from tests.faults.receiving.street import Ledger, Street, View
from tests.faults.record import Record, StoredRow
from tests.faults.script import TOKEN, Given, number_of

PLACEHOLDER = "…"
WITHDRAWN = "withdrawn in doubt"


def judge(verdict: Verdict, street: Street, record: Record, given: Mapping[int, Given]) -> None:
    """Everything about one platform: updates in, dialogues, messages out, and what the exceptions came to."""
    ledger, view = street.ledger, street.view()
    judge_web(verdict, {}, record, given)  # nobody is on the web here: the dialogues alone
    _heard(verdict, ledger, record)
    _counts(verdict, ledger, record)
    for chat in sorted({*record.rows, *view.standing}):
        rows = [row for row in record.rows.get(chat, ()) if row.kind != "removal"]
        _chat(verdict, chat, rows, view.standing.get(chat, ()), ledger, record.closed)
        _order(verdict, chat, rows, view)
    _kept_apart(verdict, ledger, view)
    _waits(verdict, ledger, view)


def missing(ledger: Ledger, record: Record) -> int:
    """Messages that are not stored and should be."""
    stored = {token for chat in _stored(record).values() for token in chat}
    return sum(one.token not in stored and one.token not in ledger.losable for one in ledger.written)


def no_secret(verdict: Verdict, secrets: Sequence[str], log: Path) -> None:
    """No line that a life wrote holds a token, not even in pieces of JSON."""
    text = log.read_text(errors="replace") if log.exists() else ""
    for secret in secrets:
        if secret in text or json.dumps(secret)[1:-1] in text:
            verdict.say("errors", f"a log line holds {secret[:12]}...")
    verdict.counted["log bytes"] += len(text)


def _stored(record: Record) -> dict[str, list[str]]:
    """The tokens of each chat, as stored."""
    stored: dict[str, list[str]] = defaultdict(list)
    for conversation, turns in sorted(record.turns.items()):  # ids of conversations grow with time
        for turn in turns:
            token = TOKEN.match(turn.text) if turn.role == "customer" else None
            if token:
                stored[record.chats[conversation]].append(token[0])
    return stored


def _heard(verdict: Verdict, ledger: Ledger, record: Record) -> None:
    """Each message is one turn in its own chat, in the order they were written."""
    stored, wrote = _stored(record), defaultdict(list)
    for one in ledger.written:
        wrote[one.chat].append(one.token)
        times = stored.get(one.chat, []).count(one.token)
        if times > 1:
            verdict.say("duplicated", f"{one.token} is stored {times} times")
        elif times == 0 and one.token in ledger.losable:
            verdict.counted[f"lost: {ledger.losable[one.token]}"] += 1
        elif times == 0:
            verdict.say("lost", f"{one.token} was accepted by the platform and is not stored in {one.chat}")
    for chat, tokens in stored.items():
        strangers = [token for token in tokens if token not in wrote[chat]]
        if strangers:
            verdict.say("unlike", f"{chat}: holds {strangers[:3]}, written elsewhere")
        kept = [token for token in tokens if token not in ledger.swapped]
        if list(dict.fromkeys(kept)) != [token for token in wrote[chat] if token in kept]:
            verdict.say("reordered", f"{chat}: stored in another order than written")


def _counts(verdict: Verdict, ledger: Ledger, record: Record) -> None:
    """Dead letters are the poison, controls the commands and presses: no more, and fewer only where no gap gives them back."""
    for what, sent, found, least in (
        ("dead letters", ledger.poison, record.dead, 0 if ledger.losable_poison else ledger.poison),
        ("controls", ledger.controls, record.controls, ledger.controls_taken if ledger.losable_controls else ledger.controls),
    ):
        verdict.counted[f"{what} sent"] += sent
        verdict.counted[f"{what} found"] += found
        if found > sent:
            verdict.say("duplicated", f"{found} {what} of {sent}")
        elif found < least:
            verdict.say("lost", f"{found} {what} of {sent}, of which {least} had to be kept")
        else:
            verdict.counted[f"lost: {what} in a gap"] += sent - found


def _chat(
    verdict: Verdict, chat: str, rows: Sequence[StoredRow], standing: Sequence[str], ledger: Ledger, closed: Collection[str]
) -> None:
    """Each message that SQL calls sent stands there once; nothing else stands there but what the guarantees name."""
    wanted: dict[str, list[StoredRow]] = {}  # notices are worded alike
    there = Counter(standing)
    for row in rows:
        if row.state == "sent":
            wanted.setdefault(row.text, []).append(row)
        elif row.state == "failed" and row.error.startswith(WITHDRAWN) and row.conversation in closed:
            # another conversation was begun while nobody knew whether it stands there: it may, and will not come any more
            verdict.counted["withdrawn in doubt"] += 1
            there[row.text] -= min(there[row.text], 1 + row.repeats)
        elif row.state in {"ready", "sending", "in_doubt", "failed"}:
            verdict.say("lost", f"{chat}: turn {row.seq} is {row.state} {row.error}")
    for text, alike in wanted.items():
        extra = there.pop(text, 0) - len(alike)
        counted = sum(row.repeats for row in alike)
        if extra < 0:
            verdict.say("lost", f"{chat}: turn {alike[0].seq} is sent, says SQL, and is missing {-extra} times")
        elif extra and chat in ledger.at_least_once and counted >= extra:
            verdict.counted["repeats of a plain send"] += extra
        elif extra:
            verdict.say("duplicated", f"{chat}: turn {alike[0].seq} stands {extra} times too often, {counted} were counted")
    for text, times in (+there).items():
        if text in {PLACEHOLDER, REMOVED}:
            verdict.counted["orphan placeholders" if text == PLACEHOLDER else "neutral lines"] += times
        elif number_of(text) is not None:
            verdict.say("half", f"{chat}: a text that is not stored stands there: {text[:60]!r}")
        else:
            verdict.say("unlike", f"{chat}: shows {text[:60]!r}")


def _order(verdict: Verdict, chat: str, rows: Sequence[StoredRow], view: View) -> None:
    shown: dict[str, float] = {}
    for sight in view.sights:
        if sight.chat == chat:
            shown.setdefault(sight.text, sight.at)
    # what was stopped at its first word, which every preview begins with, cannot be told from a preview
    own = [row for row in rows if row.kind == "bot" and row.state == "sent" and (number_of(row.text) is not None or row.part)]
    times = [shown[row.text] for row in own if row.text in shown]
    if times != sorted(times):
        verdict.say("reordered", f"{chat}: answers were shown in another order than stored")


def _kept_apart(verdict: Verdict, ledger: Ledger, view: View) -> None:
    """No chat ever saw a word that was meant for another."""
    homes = {one.token: one.chat for one in ledger.written}
    for sight in view.sights:
        for token in TOKEN.findall(sight.text):
            if homes.get(token, sight.chat) != sight.chat:
                verdict.say("unlike", f"{sight.chat} saw {token}, which belongs to {homes[token]}")


def _waits(verdict: Verdict, ledger: Ledger, view: View) -> None:
    """From a message to the first sight of an answer that names it."""
    wrote, waiting = {one.token: one.at for one in ledger.written}, 0
    for sight in view.sights:
        waiting += sight.text == WAITING
        for token in TOKEN.findall(sight.text):
            if (at := wrote.pop(token, None)) is not None:
                verdict.longest_wait_s = max(verdict.longest_wait_s, sight.at - at)
    verdict.counted["notices that it takes long"] += waiting

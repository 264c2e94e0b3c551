"""The oracle: what customers saw, joined with what SQL holds, against what was promised. It knows no fault, only people."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.conversation.telling import EXPIRED
from tests.faults.ledger import Account
from tests.faults.record import Record, StoredTurn
from tests.faults.script import TOKEN, Given, given_as, number_of

ENDLESS = re.compile(r"( more)+\Z")  # what an engine without end says on and on
CLASSES = ("lost", "duplicated", "reordered", "stale", "half", "unlike", "errors")


@dataclass
class Verdict:
    """Broken promises by class, each as a sentence; `counted` is what the guarantees name as exceptions, and what was seen.

    lost: acknowledged without a turn, a turn never answered, a stored turn never shown. duplicated: a turn or an answer twice.
    reordered: seen, or stored, in another order. stale: an answer that ignores a turn it claims, or was stored past its epoch.
    half: part of an answer kept as whole. unlike: shown otherwise than stored. errors: answers no client should get.
    """

    broken: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in CLASSES})
    counted: Counter[str] = field(default_factory=Counter)
    longest_wait_s: float = 0.0

    def say(self, kind: str, sentence: str) -> None:
        self.broken[kind].append(sentence)

    @property
    def clean(self) -> bool:
        return not any(self.broken.values())


def judge_web(verdict: Verdict, accounts: Mapping[str, Account], record: Record, given: Mapping[int, Given]) -> None:
    """Everything about customers of the web chat. Their address is found by what they said."""
    chats = _chats(record)
    for account in accounts.values():
        for sentence in account.complaints:
            verdict.say("errors", f"{account.name}: {sentence}")
        chat = chats.get(account.name)
        if chat is None:
            if account.acknowledged:
                verdict.say("lost", f"{account.name}: nothing of theirs is stored")
            continue
        _acknowledged(verdict, account, chat, record)
        _seen(verdict, account, chat, record)
    for conversation, turns in record.turns.items():
        _dialogue(verdict, conversation, turns, record, given)
    for conversation, text in record.summaries:
        if given_as(text, given) is None:
            verdict.say("half", f"{conversation}: the summary is not what the engine said")


def _chats(record: Record) -> dict[str, str]:
    """Customer -> chat id, by the tokens in their turns."""
    found: dict[str, str] = {}
    for conversation, turns in record.turns.items():
        for turn in turns:
            if turn.role == "customer" and (token := TOKEN.match(turn.text)):
                found[token[0].partition(".")[0]] = record.chats[conversation]
    return found


def _acknowledged(verdict: Verdict, account: Account, chat: str, record: Record) -> None:
    """Each acknowledged message is one turn, at the seq that was acknowledged, in the order they were sent."""
    stored: dict[str, list[StoredTurn]] = defaultdict(list)
    order: list[str] = []
    places = {(event.conversation, event.seq): event.position for event in record.events[chat] if event.kind == "turn"}
    turns = [turn for one, of in record.turns.items() if record.chats[one] == chat for turn in of if turn.role == "customer"]
    for turn in sorted(turns, key=lambda turn: places.get((turn.conversation, turn.seq), 0)):
        token = _token(turn)
        stored[token].append(turn)
        order.append(token)
    for token, (seq, _) in account.acknowledged.items():
        if not stored[token]:
            verdict.say("lost", f"{token} was acknowledged as {seq} and is not stored")
        elif all(turn.seq != seq for turn in stored[token]):
            verdict.say("lost", f"{token} was acknowledged as {seq} and is stored as {[turn.seq for turn in stored[token]]}")
    for token, twice in stored.items():
        if len(twice) > 1:
            verdict.say("duplicated", f"{token} is stored {len(twice)} times")
    wanted = [token for token in account.sent if stored[token]]
    if list(dict.fromkeys(order)) != wanted:
        verdict.say("reordered", f"{account.name}: sent in another order than stored")


def _token(turn: StoredTurn) -> str:
    token = TOKEN.match(turn.text)
    return token[0] if token else turn.text


def _seen(verdict: Verdict, account: Account, chat: str, record: Record) -> None:
    """The customer saw each logged event once, in order, as it is stored."""
    events, next_position = record.events[chat], account.seen[0].position if account.seen else 1
    if account.seen and next_position != 1 and not any(e.detail == "closed" for e in events if e.position < next_position):
        verdict.say("lost", f"{account.name}: their first event was {next_position}")
    for seen in account.seen:
        if seen.position < next_position:
            verdict.say("duplicated", f"{account.name}: saw event {seen.position} again")
        elif seen.position > next_position:
            verdict.say("lost", f"{account.name}: never saw events {next_position} to {seen.position - 1}")
        next_position = max(next_position, seen.position + 1)
    last = events[-1].position if events else 0
    if next_position <= last:
        verdict.say("lost", f"{account.name}: never saw events {next_position} to {last}")
    texts = {(turn.conversation, turn.seq): turn for one, of in record.turns.items() if record.chats[one] == chat for turn in of}
    for seen in account.seen:
        if not seen.status:
            stored = texts.get((seen.conversation, seen.seq))
            if stored is None or (stored.text, stored.through, stored.state) != (seen.text, seen.through, seen.state):
                verdict.say("unlike", f"{account.name}: event {seen.position} is not what is stored")
    _waits(verdict, account)


def _waits(verdict: Verdict, account: Account) -> None:
    """From the acknowledgement of a message to the sight of its answer."""
    open_since: dict[tuple[str, int], float] = {}
    for seen in account.seen:
        if seen.role == "customer":
            token = TOKEN.match(seen.text)
            _, since = account.acknowledged.get(token[0] if token else "", (0, seen.at))
            open_since[seen.conversation, seen.seq] = since
        elif seen.role == "bot" and seen.through is not None:
            for key in [key for key in open_since if key[0] == seen.conversation and key[1] <= seen.through]:
                verdict.longest_wait_s = max(verdict.longest_wait_s, seen.at - open_since.pop(key))
        elif seen.role == "system" and seen.text == EXPIRED:
            open_since = {key: since for key, since in open_since.items() if key[1] > (seen.through or 0)}
        elif seen.status == "stopped":
            open_since.clear()


def _dialogue(
    verdict: Verdict, conversation: str, turns: Sequence[StoredTurn], record: Record, given: Mapping[int, Given]
) -> None:
    """One conversation by its log: what each answer covers, and what nothing covers."""
    by_seq = {turn.seq: turn for turn in turns}
    log = [event for event in record.events[record.chats[conversation]] if event.conversation == conversation]
    if [event.seq for event in log if event.kind == "turn"] != sorted(by_seq):
        verdict.say("reordered", f"{conversation}: the log does not name its turns once each, in their order")
    answered, heard, ended = 0, 0, False
    given_up: set[int] = set()
    for event in log:
        if event.kind == "status":
            if event.detail == "stopped":
                given_up.update(range(answered + 1, heard + 1))
            ended = ended or event.detail == "closed"
            continue
        turn = by_seq.get(event.seq or 0)
        if turn is None:
            continue
        if ended:
            verdict.say("stale", f"{conversation}: turn {turn.seq} came after its end")
        match turn.role:
            case "customer":
                heard = turn.seq
            case "system" if turn.text == EXPIRED:
                given_up.update(range(answered + 1, (turn.through or 0) + 1))
                verdict.counted["expired"] += 1
            case "system":
                verdict.counted["notices"] += 1
            case "bot":
                _answer(verdict, turn, by_seq, answered, given_up, given)
                if turn.state == "stopped":
                    given_up.update(range(answered + 1, (turn.through or 0) + 1))
                if turn.state == "whole":
                    answered = max(answered, turn.through or 0)
    asked = [turn.seq for turn in turns if turn.role == "customer"]
    verdict.counted["questions"] += len(asked)
    open_turns = [seq for seq in asked if seq > answered and seq not in given_up]
    verdict.counted["stopped"] += len([seq for seq in asked if seq in given_up])
    if ended:
        verdict.counted["closed unanswered"] += len(open_turns)
    elif open_turns:
        verdict.say("lost", f"{conversation}: turns {open_turns} were never answered")


def _answer(
    verdict: Verdict,
    turn: StoredTurn,
    by_seq: Mapping[int, StoredTurn],
    answered: int,
    given_up: set[int],
    given: Mapping[int, Given],
) -> None:
    where, through = f"{turn.conversation}: answer {turn.seq} (through {turn.through})", turn.through or 0
    claims = [seq for seq, one in by_seq.items() if one.role == "customer" and answered < seq <= through]
    if turn.state == "stopped":
        number = number_of(turn.text)
        whole = given[number].text if number is not None and number in given else "Answer"
        if not whole.startswith(ENDLESS.sub("", turn.text)):
            verdict.say("half", f"{where}: what was kept of it was never said")
        return
    verdict.counted["answers"] += 1
    said = given_as(turn.text, given)
    if said is None:
        verdict.say("half", f"{where}: not the whole of what the engine said: {turn.text!r}")
        return
    if through <= answered:
        verdict.say("duplicated", f"{where}: answered through {answered} before")
    if claims and all(seq in given_up for seq in claims):
        verdict.say("stale", f"{where}: all of it had been stopped or had expired")
    for seq in claims:
        if seq not in given_up and _token(by_seq[seq]) not in said.answers:
            verdict.say("stale", f"{where}: ignores turn {seq}, which it claims")
    late = [seq for seq, one in by_seq.items() if one.role == "customer" and seq > through and _token(one) in said.answers]
    if late:
        verdict.say("stale", f"{where}: answers turns {late} without saying so")

"""The oracle for the push account: what stands in each chat of the platform, joined with SQL."""

from collections.abc import Collection, Mapping, Sequence

from bot.store.controls import REMOVED
from tests.faults.oracle import Verdict
from tests.faults.push_line import Platform
from tests.faults.record import Record, StoredRow
from tests.faults.script import TOKEN, number_of
from tests.push_double import Message

PLACEHOLDER = "…"


def judge_push(verdict: Verdict, platform: Platform, record: Record) -> None:
    """Everything about customers of the push account; their dialogues are judged with all others."""
    verdict.counted["updates repeated"] += sum(times - 1 for times in platform.handed.values())
    _heard(verdict, platform, record)
    chats: dict[str, list[Message]] = {}
    for message in platform.double.messages.values():
        chats.setdefault(message.chat_id, []).append(message)
    for chat in {update.chat_id for update in platform.updates}:
        rows = [row for row in record.rows.get(chat, ()) if row.kind != "removal"]
        _chat(verdict, chat, rows, chats.get(chat, []), platform)


def _heard(verdict: Verdict, platform: Platform, record: Record) -> None:
    stored: dict[str, list[str]] = {}
    for conversation, turns in record.turns.items():
        for turn in turns:
            if turn.role == "customer":
                stored.setdefault(record.chats[conversation], []).append(turn.text)
    for chat in {update.chat_id for update in platform.updates}:
        wrote = [update.text for update in platform.updates if update.chat_id == chat]
        found = stored.get(chat, [])
        for text in wrote:
            token = TOKEN.match(text)
            if found.count(text) == 0:
                verdict.say("lost", f"{token and token[0]}: confirmed to the platform and not stored")
            elif found.count(text) > 1:
                verdict.say("duplicated", f"{token and token[0]} is stored {found.count(text)} times")
        if list(dict.fromkeys(found)) != [text for text in wrote if text in found]:
            verdict.say("reordered", f"{chat}: stored in another order than written")


def _chat(verdict: Verdict, chat: str, rows: Sequence[StoredRow], messages: Sequence[Message], platform: Platform) -> None:
    """Each message that SQL calls sent stands there once, in order; nothing else stands there."""
    standing = [message.text for message in messages if not message.deleted]
    wanted: dict[str, list[StoredRow]] = {}  # notices are worded alike
    for row in rows:
        if row.state == "sent":
            wanted.setdefault(row.text, []).append(row)
        elif row.state in {"ready", "sending", "in_doubt"}:
            verdict.say("lost", f"{chat}: turn {row.seq} is still {row.state}")
        elif row.state == "failed":
            verdict.say("lost", f"{chat}: turn {row.seq} failed: {row.error}")
    for text, alike in wanted.items():
        there = standing.count(text)
        if there < len(alike):
            verdict.say("lost", f"{chat}: turn {alike[0].seq} is sent, says SQL, and stands there {there} times")
        elif there > len(alike):
            _repeated(verdict, chat, alike, there - len(alike))
    _rest(verdict, chat, standing, wanted)
    _order(verdict, chat, rows, platform)


def _repeated(verdict: Verdict, chat: str, alike: Sequence[StoredRow], times: int) -> None:
    """A plain send in a private chat is at least once: its repeats are counted in the row before they are made."""
    counted = sum(row.repeats for row in alike)
    if chat.startswith("p") and counted >= times:
        verdict.counted["repeats of a plain send"] += times
    else:
        verdict.say(
            "duplicated", f"{chat}: turn {alike[0].seq} was shown {times} times too often, {counted} repeats were counted"
        )


def _rest(verdict: Verdict, chat: str, standing: Sequence[str], wanted: Collection[str]) -> None:
    for text in standing:
        if text in wanted:
            continue
        if text in {PLACEHOLDER, REMOVED}:
            verdict.counted["orphan placeholders" if text == PLACEHOLDER else "neutral lines"] += 1
        elif number_of(text) is not None:
            verdict.say("unlike", f"{chat}: shows what is not stored: {text[:40]!r}")
        else:
            verdict.say("unlike", f"{chat}: shows {text[:40]!r}")


def _order(verdict: Verdict, chat: str, rows: Sequence[StoredRow], platform: Platform) -> None:
    shown: dict[str, float] = {}
    for sight in platform.double.seen:
        if sight.chat_id == chat and sight.what in {"sent", "edited"}:
            shown.setdefault(sight.text, sight.at)
    answers = [row for row in rows if row.kind == "bot" and row.state == "sent" and row.text in shown]
    times = [shown[row.text] for row in answers]
    if times != sorted(times):
        verdict.say("reordered", f"{chat}: answers were shown in another order than stored")


def waits(verdict: Verdict, platform: Platform, wrote_at: Mapping[str, float]) -> None:
    """From a customer's message to the first sight of an answer that names it."""
    answered: dict[str, float] = {}
    texts = {message.text for message in platform.double.messages.values()}
    for sight in platform.double.seen:
        if sight.what in {"sent", "edited"} and sight.text in texts:
            for token in TOKEN.findall(sight.text):
                answered.setdefault(token, sight.at)
    for token, at in answered.items():
        if token in wrote_at:
            verdict.longest_wait_s = max(verdict.longest_wait_s, at - wrote_at[token])

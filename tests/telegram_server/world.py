"""Who and what there is on the stand-in's Telegram: bots, people, chats, files, presses; and how their acts reach the bots."""

import random
from collections.abc import Iterable
from itertools import count
from typing import Any

from tests.telegram_server.account import BotAccount
from tests.telegram_server.asking import member_json
from tests.telegram_server.changes import Changes
from tests.telegram_server.chat import PRESENT, Chat, Message, Topic
from tests.telegram_server.clock import Clock
from tests.telegram_server.group import Group
from tests.telegram_server.hearing import hears
from tests.telegram_server.limits import Limits
from tests.telegram_server.media import Files
from tests.telegram_server.person import CALLBACK_QUEUE, MEMBER_QUEUE, Person, Press

MOST_PRESSES = 10_000


class World:
    """The state, without a network. Private chats and groups number their messages from one common box, each supergroup from its
    own, as an account's do (https://core.telegram.org/api/updates, pts). `local`: the server is in local mode.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits, self.clock, self.changes = limits, Clock(), Changes()
        self.bots: dict[str, BotAccount] = {}
        self.people: dict[int, Person] = {}
        self.files = Files()
        self.presses: dict[str, Press] = {}
        self.kept_messages = 20_000
        self.local = False
        self._by_id: dict[int, BotAccount] = {}
        self._groups: dict[int, Chat] = {}
        self._private: dict[tuple[int, int], Chat] = {}
        self._box, self._numbers = count(1), count(1)

    def add_bot(self, name: str = "Desk", *, username: str = "", token: str = "", reads_all: bool = False) -> BotAccount:
        """`reads_all`: privacy mode is off. Without a token one is made."""
        bot_id = int(token.partition(":")[0]) if token else 7_000_000_000 + self.next_number()
        token = token or f"{bot_id}:{random.randbytes(17).hex()}x"
        username = username or f"{name.lower().replace(' ', '_')}_{bot_id % 1000}_bot"
        bot = BotAccount(
            bot_id, token, username, name, self.clock, self.limits, reads_all=reads_all, on_change=self.changes.happened
        )
        self.bots[token] = self._by_id[bot_id] = bot
        return bot

    def add_user(self, name: str = "Ann", *, username: str = "", language: str = "en", user_id: int | None = None) -> Person:
        person = Person(self, 100_000_000 + self.next_number() if user_id is None else user_id, name, username, language)
        self.people[person.id] = person
        return person

    def add_group(
        self,
        title: str,
        *people: Person,
        bots: Iterable[BotAccount] = (),
        admins: Iterable[BotAccount] = (),
        supergroup: bool = False,
        forum: bool = False,
    ) -> Group:
        """A group with these people, the first its creator, and bots already in it (no updates); a forum is a supergroup."""
        assert people, "a group has a creator"
        standing = {person.id: "creator" if person is people[0] else "member" for person in people}
        present = {bot.id: "member" for bot in bots} | {bot.id: "administrator" for bot in admins}
        if supergroup or forum:
            chat = self.new_supergroup({"title": title}, standing, present, forum=forum)
        else:
            chat = Chat(-4_000_000_000 - self.next_number(), "group", {"title": title}, next_id=self._box.__next__)
            chat.people, chat.bots, chat.most = standing, present, self.kept_messages
            self._groups[chat.id] = chat
        return Group(self, chat, people[0])

    def new_supergroup(self, facts: dict[str, Any], people: dict[int, str], bots: dict[int, str], *, forum: bool = False) -> Chat:
        chat = Chat(-1_002_000_000_000 - self.next_number(), "supergroup", facts, forum=forum)
        chat.people, chat.bots, chat.most = people, bots, self.kept_messages
        self._groups[chat.id] = chat
        return chat

    def next_number(self) -> int:
        return next(self._numbers)

    def the_bot(self) -> BotAccount:
        assert len(self.bots) == 1, "name the bot: there are several, or none"
        return next(iter(self.bots.values()))

    def chat_of(self, person: Person, to: "Group | BotAccount | None") -> Chat:
        if isinstance(to, Group):
            return to.chat
        bot = to or self.the_bot()
        return self._private.get((bot.id, person.id)) or self._new_private(bot, person)

    def find_chat(self, bot: BotAccount, given: str) -> Chat | None:
        """By id or @username. A person the bot never met is not found; one met in a group only can be named, not written to."""
        if given.startswith("@"):
            named = (person for person in self.people.values() if person.username.lower() == given[1:].lower())
            person = next(named, None)
            return self._private.get((bot.id, person.id)) if person else None
        if not given.lstrip("-").isdigit():
            return None
        chat_id = int(given)
        if chat_id < 0:
            return self._groups.get(chat_id)
        return self._private.get((bot.id, chat_id)) or self._met(bot, chat_id)

    def _met(self, bot: BotAccount, user_id: int) -> Chat | None:
        person = self.people.get(user_id)
        if person is None or not any(bot.id in chat.bots and user_id in chat.people for chat in self._groups.values()):
            return None
        return self._new_private(bot, person)

    def _new_private(self, bot: BotAccount, person: Person) -> Chat:
        facts = {"first_name": person.name} | ({"username": person.username} if person.username else {})
        chat = Chat(person.id, "private", facts, next_id=self._box.__next__, started=False, most=self.kept_messages)
        chat.bots, chat.people = {bot.id: "member"}, {person.id: "member"}
        self._private[bot.id, person.id] = chat
        return chat

    def bot_of(self, chat: Chat) -> BotAccount:
        """The bot of a private chat."""
        return self._by_id[next(iter(chat.bots))]

    def privates_of(self, person: Person) -> list[Chat]:
        return [chat for (_, user_id), chat in self._private.items() if user_id == person.id]

    def chats(self, chat_id: int, bot: BotAccount | None = None) -> list[Chat]:
        """The chats of that id: a person has one with each bot."""
        if chat_id < 0:
            return [self._groups[chat_id]] if chat_id in self._groups else []
        chosen = [bot] if bot is not None else self._by_id.values()
        return [chat for each in chosen if (chat := self._private.get((each.id, chat_id))) is not None]

    def user_of(self, user_id: int) -> dict[str, Any] | None:
        found = self.people.get(user_id) or self._by_id.get(user_id)
        return found.user() if found is not None else None

    def standing(self, chat: Chat, user_id: int) -> str:
        return chat.people.get(user_id) or chat.bots.get(user_id) or "left"

    def admins_of(self, chat: Chat) -> list[int]:
        return [user_id for user_id, standing in chat.people.items() if standing in {"creator", "administrator"}]

    def deliver_message(self, message: Message, *, edited: bool = False) -> None:
        """To every bot that hears it, in the chat's queue."""
        kind = "edited_message" if edited else "message"
        bots = [self._by_id[bot_id] for bot_id in message.chat.bots]
        hearing = [bot for bot in bots if hears(bot, message)]
        if hearing:
            content = message.as_json()
            for bot in hearing:
                bot.deliver(kind, content, message.chat.id)

    def deliver_standing(self, bot: BotAccount, chat: Chat, by: dict[str, Any], old: str, new: str) -> None:
        """my_chat_member: https://core.telegram.org/bots/api#chatmemberupdated."""
        content = {
            "chat": chat.as_json(), "from": by, "date": self.clock.unix(),
            "old_chat_member": member_json(bot.user(), old), "new_chat_member": member_json(bot.user(), new),
        }  # fmt: skip
        bot.deliver("my_chat_member", content, chat.id + MEMBER_QUEUE)

    def take_press(self, person: Person, message: Message, data: str) -> Press:
        """callback_query; of a message that is gone only its chat and id are told, with date 0 (InaccessibleMessage)."""
        chat, bot = message.chat, self._by_id[message.by]
        query_id = str(4_000_000_000_000_000_000 + self.next_number())
        until = self.clock.now() + self.limits.callback_answer_s
        press = self.presses[query_id] = Press(query_id, bot, chat, message.thread_id, message.message_id, until)
        if len(self.presses) > MOST_PRESSES:
            del self.presses[next(iter(self.presses))]
        gone = message.message_id not in chat.messages
        shown = {"chat": chat.as_json(), "message_id": message.message_id, "date": 0} if gone else message.as_json()
        content = {"id": query_id, "from": person.user(), "message": shown, "chat_instance": str(hash(chat.id)), "data": data}
        if chat.private or chat.bots.get(bot.id) in PRESENT:
            bot.deliver("callback_query", content, person.id + CALLBACK_QUEUE, self.limits.callback_kept_s)
        return press

    def remove_topic(self, topic: Topic) -> None:
        topic.chat.delete_topic(topic.thread_id)

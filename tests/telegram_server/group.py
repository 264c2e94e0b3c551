"""A group, a supergroup or a forum, and what its people can do with it."""

from typing import TYPE_CHECKING, Any

from tests.telegram_server.account import BotAccount
from tests.telegram_server.chat import Chat, Topic

if TYPE_CHECKING:
    from tests.telegram_server.person import Person
    from tests.telegram_server.world import World


class Group:
    """`chat` is where it is now: another one after `migrate`. Its creator does what nobody is named for."""

    def __init__(self, world: "World", chat: Chat, creator: "Person") -> None:
        self.chat = chat
        self._world, self._creator = world, creator

    @property
    def id(self) -> int:
        return self.chat.id

    def add_bot(self, bot: BotAccount, *, admin: bool = False) -> None:
        """Updates: my_chat_member, then the service message (to every bot there)."""
        self._stand(bot, "administrator" if admin else "member")
        self._notice({"new_chat_participant": bot.user(), "new_chat_member": bot.user(), "new_chat_members": [bot.user()]})

    def remove_bot(self, bot: BotAccount) -> None:
        """Kick it: the service message, then my_chat_member; 403 from now on."""
        self._notice({"left_chat_participant": bot.user(), "left_chat_member": bot.user()})
        self._stand(bot, "kicked")

    def promote(self, bot: BotAccount) -> None:
        self._stand(bot, "administrator")

    def demote(self, bot: BotAccount) -> None:
        self._stand(bot, "member")

    def add_person(self, person: "Person") -> None:
        self.chat.people[person.id] = "member"
        self._notice(
            {"new_chat_participant": person.user(), "new_chat_member": person.user(), "new_chat_members": [person.user()]}
        )

    def remove_person(self, person: "Person") -> None:
        self.chat.people[person.id] = "left"
        self._notice({"left_chat_participant": person.user(), "left_chat_member": person.user()})

    def promote_person(self, person: "Person") -> None:
        self.chat.people[person.id] = "administrator"

    def open_topic(self, name: str, *, by: "Person | None" = None) -> Topic:
        assert self.chat.forum, "only a forum has topics"
        topic = self.chat.open_topic((by or self._creator).user(), self._world.clock.unix(), name)
        self._world.deliver_message(topic.root)
        return topic

    def topic(self, thread_id: int) -> Topic:
        return self.chat.topics[thread_id]

    def close_topic(self, topic: Topic) -> None:
        topic.closed = True
        self._notice({"forum_topic_closed": {}}, topic)

    def reopen_topic(self, topic: Topic) -> None:
        topic.closed = False
        self._notice({"forum_topic_reopened": {}}, topic)

    def delete_topic(self, topic: Topic) -> None:
        """With all its messages; the bots are not told."""
        self._world.remove_topic(topic)

    def migrate(self, *, arrives: bool = False) -> Chat:
        """Become a supergroup with another id: a service message in the old chat, one in the new. Calls to the old id are refused
        with `migrate_to_chat_id`; messages keep to the old chat. Returns the new chat. With `arrives` bots are told first that
        they came into the new chat: tdlib/telegram-bot-api, issue 266.
        """
        old = self.chat
        assert old.kind == "group", "it is a supergroup already"
        new = self._world.new_supergroup(old.facts, dict(old.people), dict(old.bots))
        for bot in [bot for bot in self._world.bots.values() if bot.id in new.bots] if arrives else ():
            self._world.deliver_standing(bot, new, self._creator.user(), "left", new.bots[bot.id])
        self._notice({"migrate_to_chat_id": new.id})
        old.migrated_to = new.id
        self.chat = new
        self._notice({"migrate_from_chat_id": old.id})
        return new

    def _stand(self, bot: BotAccount, new: str) -> None:
        old = self.chat.bots.get(bot.id, "left")
        self.chat.bots[bot.id] = new
        self._world.deliver_standing(bot, self.chat, self._creator.user(), old, new)

    def _notice(self, content: dict[str, Any], topic: Topic | None = None) -> None:
        thread_id = topic.thread_id if topic else None
        sender, date = self._creator.user(), self._world.clock.unix()
        self._world.deliver_message(self.chat.add(sender, date, content, thread_id=thread_id, service=True))

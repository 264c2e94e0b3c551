"""A stand-in for Telegram that the real aiogram talks to, changed in nothing but its API base, and whose log is the oracle of the
suites.

    async with TelegramServer(Limits.none()) as server:
        account, ann = server.add_bot(), server.add_user("Ann")
        session = AiohttpSession(api=TelegramAPIServer.from_base(server.url))
        bot = Bot(account.token, session=session)
        ann.say("hello")                                    # queued for getUpdates or the webhook
        ...                                                 # the bot answers
        await server.seen("hello yourself", ann.id)
        assert server.on_show(ann.id) == ["hello yourself"]

It enforces the platform's rules with the wording of its server; each rule names its source. Known differences from the real
thing: text is never parsed as markup (`parse_mode` is refused), webhooks may be plain http on any port (as of a server in local
mode), a topic in a private chat does not exist, link previews, phone and card numbers are not looked at, media cannot be sent by
a bot, and the byte offsets in two entity errors are left out.
"""

from tests.telegram_server.account import BotAccount
from tests.telegram_server.chat import Chat, Draft, Message, Topic
from tests.telegram_server.fault import Fault, Trouble
from tests.telegram_server.group import Group
from tests.telegram_server.limits import Limits
from tests.telegram_server.person import Person, Press
from tests.telegram_server.server import TelegramServer
from tests.telegram_server.sight import Button, Log, Seen

__all__ = [
    "BotAccount",
    "Button",
    "Chat",
    "Draft",
    "Fault",
    "Group",
    "Limits",
    "Log",
    "Message",
    "Person",
    "Press",
    "Seen",
    "TelegramServer",
    "Topic",
    "Trouble",
]

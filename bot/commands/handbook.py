"""`docs/commands.md`, made of the registry: `python -m bot.commands.handbook > docs/commands.md`."""

from collections.abc import Iterator

from bot.commands.command import Command, Scope
from bot.commands.menu import registry
from bot.language.words import ENGLISH, known
from bot.roles import Role

HEAD = """# Commands

This page is made from the commands themselves (`python -m bot.commands.handbook`); a test keeps it true.

A command is written as a message: `/name`, then its arguments, on every channel that takes text; Discord has forms of its own for
the same commands. What stands in `<angle brackets>` is needed, what stands in `[square brackets]` may be left out. Words with
spaces go into quotes: `"two words"`, “two words” or «two words». Durations are `90s`, `15m`, `2h`, `1d12h`, `2w`.

A command is stored like any message and done in the same transaction, so it is never lost and never done twice; it never waits
for an answer that is being made. A name that is no command gets a hint; where more stands behind a name than it takes, or a file
hangs on it, it is a message to the bot. Editing a command does nothing. Each person may give each command ten times at once and
then once in three seconds.

The answer is in the language that the person chose with `/language`, else in the one that their platform tells (the web tells
none), else in English. There are: {languages}.

People have roles: customer, viewer, agent, supervisor, admin, owner; each may do what those before it may. While nobody is owner,
`frontdesk run` prints a one-time code at each start, and the last one printed counts: whoever writes `/start CODE` first is the
owner, in a private chat, on the web or in the form of Discord. `frontdesk user code` makes further codes, `frontdesk user role`
gives and takes roles, and `frontdesk user list` names everybody who has one. A code works once, within 24 hours, and is stored as
its hash; each grant is in the audit record.
"""
TITLES: dict[Scope, str] = {"customer": "Customers", "desk": "Agents", "admin": "Admins"}


def page() -> str:
    """The whole page."""
    return "\n".join(
        [HEAD.format(languages=", ".join(known().languages)), *(line for scope in TITLES for line in _chapter(scope))]
    )


def _chapter(scope: Scope) -> Iterator[str]:
    commands = registry().of(scope, Role.OWNER)
    if not commands:
        return
    yield f"## {TITLES[scope]}\n"
    yield "| as a message | on Discord | does |\n|---|---|---|"
    for one in commands:
        yield _row(one)
    yield ""


def _row(command: Command) -> str:
    aliases = "".join(f" (or `/{alias}`)" for alias in command.aliases)
    says = known().say(f"command-{command.name}", ENGLISH)
    cells = f"`{command.usage('telegram')}`{aliases}", f"`{command.usage('discord')}`", says
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  it is what this program is for

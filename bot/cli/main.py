"""The `frontdesk` command: finds the subcommand and imports only what it needs; errors are one line on stderr."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

Command = Callable[[argparse.Namespace], int]
WRONG = 2
LORA_ACTIONS = {
    "list": "name every version, and what is in use",
    "add": "copy weights into the model store, as the next version",
    "load": "let the node answer with a version",
    "unload": "let the model itself answer again",
    "rollback": "go back to the version that was in use before",
    "remove": "delete the weights of a version",
}
USER_ACTIONS = {
    "list": "name everybody who has a role",
    "code": "make a one-time code that gives a role",
    "role": "give a role to somebody who has written before, or take it",
}
ROLES = ("customer", "viewer", "agent", "supervisor", "admin", "owner")
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG, f"{self.prog}: {message}; see {self.prog} --help\n")


def main() -> None:
    """Entry point of the console script."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    given = parser().parse_args(arguments)
    from bot.errors import FrontdeskError

    try:
        command: Command = import_module(f"bot.cli.{given.module}").execute
        return command(given)
    except FrontdeskError as error:
        print(f"frontdesk: {' '.join(str(error).split())}", file=sys.stderr)
        return WRONG
    except BrokenPipeError:  # our reader went away, as in `frontdesk models list | head -1`
        sys.stdout = None
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> Parser:
    made = Parser(prog="frontdesk", description="A customer-service bot platform on your own models.", allow_abbrev=False)
    commands = made.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "run", "start everything and print the link to open")
    chat = _add(commands, "chat", "talk to the bot in this terminal")
    chat.add_argument("--url", help="the instance to talk to (else the one of the settings; none there: run the bot in here)")
    chat.add_argument("--plain", action="store_true", help="line by line, nothing is drawn over; for pipes and screen readers")
    _add(commands, "migrate", "bring the database to this release's revision")
    doctor = _add(commands, "doctor", "check everything and say what to do")
    doctor.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    top = _add(commands, "top", "watch node, replicas and bot at work; q leaves")
    top.add_argument("--once", action="store_true", help="print the figures once and end, 1 when the node is away")
    top.add_argument("--every", metavar="S", type=_every, default=2.0, help="seconds between two looks (2)")
    _add_models(commands)
    _add_workspace(commands)
    _add_user(commands)
    _add(commands, "version", "print the release")
    return made


def _every(text: str) -> float:
    from bot.cli.top import every

    return every(text)


def _add(commands: "argparse._SubParsersAction[Parser]", name: str, text: str) -> Parser:
    command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    command.add_argument("--config", metavar="FILE", help="settings file (else FRONTDESK_CONFIG, else ./frontdesk.toml)")
    command.set_defaults(module=name)
    return command


def _add_workspace(commands: "argparse._SubParsersAction[Parser]") -> None:
    workspace = commands.add_parser("workspace", help="what the business says to its customers", allow_abbrev=False)
    actions = workspace.add_subparsers(metavar="ACTION", required=True)
    apply = _add(actions, "apply", "put what [workspace] of the settings says into the database")
    apply.set_defaults(module="workspace")


def _add_user(commands: "argparse._SubParsersAction[Parser]") -> None:
    user = commands.add_parser("user", help="who may do what", allow_abbrev=False)
    actions = user.add_subparsers(metavar="ACTION", required=True)
    made = {name: _add(actions, name, text) for name, text in USER_ACTIONS.items()}
    for name, action in made.items():
        action.set_defaults(module="user", action=name)
        action.add_argument("--workspace", metavar="NAME", default="", help="else the first one")
    made["code"].add_argument("--role", choices=ROLES[1:], required=True, help="what it gives")
    made["role"].add_argument("who", metavar="CHANNEL:ACCOUNT:ID", help="as /id tells it, such as telegram:main:12345")
    made["role"].add_argument("role", choices=ROLES, help="customer takes every other role away")


def _add_models(commands: "argparse._SubParsersAction[Parser]") -> None:
    models = commands.add_parser("models", help="the models a node can serve", allow_abbrev=False)
    actions = models.add_subparsers(metavar="ACTION", required=True)
    for name, text in {"list": "name every model", "pull": "fetch and convert a model", "show": "tell about a model"}.items():
        action = _add(actions, name, text)
        action.set_defaults(module="models", action=name)
        if name != "list":
            action.add_argument(
                "model", metavar="NAME", nargs="?", help="of the list, a Hugging Face id or a folder; else the one set"
            )
    _add_loras(actions)


def _add_loras(commands: "argparse._SubParsersAction[Parser]") -> None:
    loras = commands.add_parser("lora", help="LoRA weights for the model, by name and version", allow_abbrev=False)
    actions = loras.add_subparsers(metavar="ACTION", required=True)
    made = {name: _add(actions, name, text) for name, text in LORA_ACTIONS.items()}
    for name, action in made.items():
        action.set_defaults(module="lora", action=name)
        if name not in {"add", "remove"}:
            action.add_argument("--url", help="the node to talk to (else the one of the settings)")
        if name != "list":
            action.add_argument("name", metavar="NAME", help="what requests and workspaces ask for")
    made["add"].add_argument("source", metavar="FOLDER", help="adapter_config.json and adapter_model.safetensors")
    made["add"].add_argument("--base", default="", help="the model it is for, whatever its config says (else serving.model)")
    made["load"].add_argument("--version", type=int, help="else the newest")
    made["remove"].add_argument("version", metavar="VERSION", type=int)
    for name in ("add", "load"):
        made[name].add_argument("--sha256", default="", help="refuse weights that have another one")

"""`python -m serving [--config FILE] [--parent-fd N]`: one generation node.

The contract with whoever starts a node:

- Settings come from `[serving]` of FILE (or FRONTDESK_CONFIG) and FRONTDESK_SERVING__* variables, which beat it. A key
  in FRONTDESK_SERVING__API_KEY is used; without one the node makes its own and prints the path of the file it is in.
- `--parent-fd N`: an inherited descriptor, the reading end of a pipe whose writing end only the parent holds. Once the
  pipe ends the node kills its engine and exits at once, so nothing outlives a parent killed by SIGKILL.
- Standard output: lines for people, one per slow step (`serving: ...`), and once, when a token was really generated,
  the line `serving ready http://HOST:PORT model=NAME` (NAME runs to the end of the line). With `port = 0` this is
  where the port is told. A later restart of the engine keeps the port and is told by other lines.
- Standard error: what the engine says, each line with `engine: ` in front (`replica 0: `, `router: ` where there are several); a
  fatal error as the last line.
- SIGTERM or SIGINT stop engines and node within `shutdown_s` and a few seconds. Exit status: 0 stopped when asked, 1 failed, 2 a
  setting is wrong (one line naming it). SIGHUP starts the engines anew: one after the other where there are several, each once
  it has finished what it had, so that nothing is cut off.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from serving import device, key, lifeline, settings
from serving.errors import ServingError, SettingsError
from serving.fleet.fleet import Fleet
from serving.plan import plan
from serving.progress import Printed, Report
from serving.standing import Alone
from serving.supervisor import ENGINE, Patience, Supervisor


def main(argv: Sequence[str] | None = None, engine: Sequence[str] = ENGINE) -> int:
    """Run a node until it is stopped; `engine` is the command its engine child is started with."""
    options = arguments(argv)
    at_end: list[Callable[[], None]] = []
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there are engines to start anew
    try:
        if options.parent_fd is not None:
            hold_on_to(options.parent_fd, at_end)
        node = prepare(settings.load(options.config, os.environ), Printed(sys.stdout), engine)
        asyncio.run(serve(node, at_end))
    except SettingsError as error:
        return fail(error, 2)
    except ServingError as error:
        return fail(error, 1)
    except KeyboardInterrupt:
        pass
    return 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serving", description="One Frontdesk generation node.")
    parser.add_argument("--config", type=Path, help="a frontdesk.toml; default: FRONTDESK_CONFIG")
    parser.add_argument("--parent-fd", type=int, help="reading end of a pipe: end with whoever holds its other end")
    return parser.parse_args(argv)


def hold_on_to(fd: int, at_end: list[Callable[[], None]]) -> None:
    try:
        os.set_inheritable(fd, False)
    except OSError as error:
        raise SettingsError(f"--parent-fd {fd}: {error.strerror}") from error

    def end() -> None:
        for act in at_end:
            act()
        os._exit(1)

    lifeline.watch(fd, end)


def prepare(chosen: settings.ServingSettings, report: Report, engine: Sequence[str]) -> Callable[[], Supervisor | Fleet]:
    """Everything slow or refusable before an engine may start: device, key, model, memory."""
    planned = plan(chosen, device.choose(chosen.device), chosen.api_key or own_key(report), report)
    grace_s = chosen.shutdown_s + 3.0  # the engine's own bound, and time to say so
    patience = Patience(chosen.start_timeout_s, chosen.hang_timeout_s, grace_s, chosen.port_wait_s)
    if planned.alone:
        return lambda: Supervisor(planned.front, patience, report, says("engine"), Alone(report), engine)
    return lambda: Fleet(planned, patience, report, says, engine)


def own_key(report: Report) -> str:
    path = key.default_key_file(os.environ)
    made = key.kept_key(path)
    report.line(f"serving: the key is in {path}")
    return made


def says(who: str) -> Callable[[str], None]:
    return lambda line: print(f"{who}: {line}", file=sys.stderr, flush=True)  # noqa: T201


async def serve(make: Callable[[], Supervisor | Fleet], at_end: list[Callable[[], None]]) -> None:
    node = make()
    at_end.append(node.kill)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, node.stop)
    loop.add_signal_handler(signal.SIGHUP, node.renew)
    await node.run()


def interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def fail(error: ServingError, status: int) -> int:
    print(error, file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())

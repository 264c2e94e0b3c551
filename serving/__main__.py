"""`python -m serving [--config FILE] [--parent-fd N]`: one generation node.

The contract with whoever starts a node:

- Settings come from `[serving]` of FILE (or FRONTDESK_CONFIG) and FRONTDESK_SERVING__* variables, which beat it. A key
  in FRONTDESK_SERVING__API_KEY is used; without one the node makes its own and prints the path of the file it is in.
- `--parent-fd N`: an inherited descriptor, the reading end of a pipe whose writing end only the parent holds. Once the
  pipe ends the node kills its engine and exits at once, so nothing outlives a parent killed by SIGKILL.
- Standard output: lines for people, one per slow step (`serving: ...`), and once, when a token was really generated,
  the line `serving ready http://HOST:PORT model=NAME` (NAME runs to the end of the line). With `port = 0` this is
  where the port is told. A later restart of the engine keeps the port and is told by other lines.
- Standard error: what the engine says, each line with `engine: ` in front; a fatal error as the last line.
- SIGTERM or SIGINT stop engine and node within `shutdown_s` and a few seconds. Exit status: 0 stopped when asked, 1 failed, 2 a
  setting is wrong (one line naming it).
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from serving import device, key, lifeline, options, room, settings
from serving.errors import ServingError, SettingsError
from serving.models.pull import pull
from serving.order import EngineOrder
from serving.progress import Printed, Report
from serving.supervisor import ENGINE, Patience, Supervisor


def main(argv: Sequence[str] | None = None, engine: Sequence[str] = ENGINE) -> int:
    """Run a node until it is stopped; `engine` is the command its engine child is started with."""
    options = arguments(argv)
    at_end: list[Callable[[], None]] = []
    signal.signal(signal.SIGTERM, interrupted)
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


def prepare(chosen: settings.ServingSettings, report: Report, engine: Sequence[str]) -> Callable[[], Supervisor]:
    """Everything slow or refusable before an engine may start: device, key, model, memory."""
    order = EngineOrder(
        device=device.choose(chosen.device),
        api_key=chosen.api_key or own_key(report),
        model_path=str(pull(chosen.model, chosen.models_root, report, "generate")),
        served_name=chosen.model,
        host=chosen.host,
        port=chosen.port,
        max_model_len=chosen.max_model_len,
        kv_cache_gib=chosen.kv_cache_gib,
        max_num_seqs=chosen.max_num_seqs,
        max_queued_requests=chosen.max_queued_requests,
        max_background=chosen.max_background,
        shutdown_s=chosen.shutdown_s,
        engine_args=chosen.vllm_args,
    )
    options.check_device(order.device, order.engine_args)
    room.check(order)
    grace_s = chosen.shutdown_s + 3.0  # the engine's own bound, and time to say so
    patience = Patience(chosen.start_timeout_s, chosen.hang_timeout_s, grace_s, chosen.port_wait_s)
    return lambda: Supervisor(order, patience, report, engine_says, engine)


def own_key(report: Report) -> str:
    path = key.default_key_file(os.environ)
    made = key.kept_key(path)
    report.line(f"serving: the key is in {path}")
    return made


def engine_says(line: str) -> None:
    print(f"engine: {line}", file=sys.stderr, flush=True)  # noqa: T201


async def serve(make: Callable[[], Supervisor], at_end: list[Callable[[], None]]) -> None:
    supervisor = make()
    at_end.append(supervisor.kill)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, supervisor.stop)
    await supervisor.run()


def interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def fail(error: ServingError, status: int) -> int:
    print(error, file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())

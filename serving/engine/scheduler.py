"""vLLM's scheduler, in which background work stands aside. vLLM finds it by its name (`--scheduler-cls`).

Written for vLLM 0.32, on CPU: what the step takes from is put aside before vLLM's own `schedule` and put back after it. A request
that runs and is not part of a step keeps its KV blocks; vLLM leaves some out itself when the tokens of a step are used up.
"""

from typing import Any

from vllm.v1.core.sched.scheduler import Scheduler

from serving.engine.courtesy import PIECE, Courtesy, is_background


class CourteousScheduler(Scheduler):  # type: ignore[misc]  # untyped in vLLM
    """The rules are in `serving.engine.courtesy`."""

    running: list[Any]
    max_num_active_reqs: int
    max_num_scheduled_tokens: int

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._courtesy = Courtesy()

    def schedule(self, *given: Any, **options: Any) -> Any:
        if not any(map(is_background, self.requests.values())):
            return super().schedule(*given, **options)
        if self._courtesy.stands_aside(self.running, self.waiting, self.max_num_active_reqs):
            return self._without_background(*given, **options)
        return self._in_small_pieces(*given, **options)

    def _without_background(self, *given: Any, **options: Any) -> Any:
        running = [one for one in self.running if is_background(one)]
        waiting = [one for one in self.waiting if is_background(one)]
        self.running = [one for one in self.running if not is_background(one)]
        self.waiting.remove_requests(waiting)
        self.max_num_active_reqs -= len(running)
        try:
            return super().schedule(*given, **options)
        finally:
            self.max_num_active_reqs += len(running)
            self.running += running
            for one in waiting:
                self.waiting.add_request(one)

    def _in_small_pieces(self, *given: Any, **options: Any) -> Any:
        most = self.max_num_scheduled_tokens
        self.max_num_scheduled_tokens = min(most, len(self.running) + PIECE)
        try:
            return super().schedule(*given, **options)
        finally:
            self.max_num_scheduled_tokens = most

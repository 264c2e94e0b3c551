"""How a step is made without background work, or with little of it: around the `schedule` of vLLM's scheduler.

Written for vLLM 0.32, on CPU: what the step takes from is put aside before vLLM's own `schedule` and put back after it. A request
that runs and is not part of a step keeps its KV blocks; vLLM leaves some out itself when the tokens of a step are used up.
"""

from typing import Any

from serving.engine.courtesy import PIECE, SHORT, Courtesy, in_turn, is_background


class Courteous:
    """Before vLLM's own class among the bases of one. The rules are in `serving.engine.courtesy`."""

    requests: dict[str, Any]
    running: list[Any]
    waiting: Any
    kv_cache_manager: Any
    max_num_active_reqs: int
    max_num_scheduled_tokens: int

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._courtesy = Courtesy()

    def schedule(self, *given: Any, **options: Any) -> Any:
        if not any(map(is_background, self.requests.values())) or self.kv_cache_manager.usage > SHORT:
            return self._vllms_own(*given, **options)
        if self._courtesy.stands_aside(self.running, self.waiting, self.max_num_active_reqs):
            return self._without_background(*given, **options)
        return self._in_small_pieces(*given, **options)

    def _vllms_own(self, *given: Any, **options: Any) -> Any:
        return super().schedule(*given, **options)  # type: ignore[misc]  # of the class behind this one

    def _without_background(self, *given: Any, **options: Any) -> Any:
        running = [one for one in self.running if is_background(one)]
        waiting = [one for one in self.waiting if is_background(one)]
        self.running = [one for one in self.running if not is_background(one)]
        self.waiting.remove_requests(waiting)
        self.max_num_active_reqs -= len(running)
        try:
            return self._vllms_own(*given, **options)
        finally:
            self.max_num_active_reqs += len(running)
            self.running += running
            for one in waiting:
                self.waiting.add_request(one)

    def _in_small_pieces(self, *given: Any, **options: Any) -> Any:
        most = self.max_num_scheduled_tokens
        self.running = in_turn(self.running)
        self.max_num_scheduled_tokens = min(most, len(self.running) + PIECE)
        try:
            return self._vllms_own(*given, **options)
        finally:
            self.max_num_scheduled_tokens = most

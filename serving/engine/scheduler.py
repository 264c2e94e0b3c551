"""vLLM's scheduler, in which background work stands aside. vLLM finds it by its name (`--scheduler-cls`)."""

from vllm.v1.core.sched.scheduler import Scheduler

from serving.engine.courteous import Courteous


class CourteousScheduler(Courteous, Scheduler):  # type: ignore[misc]  # untyped in vLLM
    """`serving.engine.courteous` around vLLM's own."""

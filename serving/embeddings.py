"""`[serving.embeddings]`: a second engine of the node, which makes embeddings of texts. The table's presence asks for it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from serving.engine.bounds import MOST_INPUTS
from serving.options import Count, Dtype, Share, Word, checked
from serving.order import EngineOrder

OPTIONS = ("dtype", "quantization", "gpu_memory_utilization", "tensor_parallel_size", "max_num_batched_tokens")
# of a card that answers are made on too: a model that embeds is small, and keeps nothing
CARD_SHARE = 0.1


class EmbeddingSettings(BaseModel):
    """As the keys of `[serving]` with these names. A request is one of `max_background`, however many texts it has; each of its
    texts is one of `max_num_seqs` (worked on at once) and of `max_queued_requests`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    model: Annotated[str, Field(min_length=1)] = "all-minilm-l6-v2"
    max_model_len: Annotated[int, Field(ge=16)] | None = None
    kv_cache_gib: Annotated[float, Field(gt=0)] | None = None
    max_num_seqs: Count = 64
    max_queued_requests: Annotated[int, Field(ge=MOST_INPUTS)] = 1024
    max_background: Count = 2
    dtype: Dtype | None = None
    quantization: Word | None = None
    gpu_memory_utilization: Share | None = None
    tensor_parallel_size: Count | None = None
    max_num_batched_tokens: Count | None = None
    engine_args: dict[str, Any] = Field(default_factory=dict)

    @field_validator("engine_args")
    @classmethod
    def _not_ours(cls, args: dict[str, Any]) -> dict[str, Any]:
        checked(args, cls.model_fields, "serving.embeddings")
        return args

    @property
    def vllm_args(self) -> dict[str, Any]:
        """What goes to vLLM under its own names."""
        return {name: value for name in OPTIONS if (value := getattr(self, name)) is not None} | self.engine_args


def order(chosen: EmbeddingSettings, beside: EngineOrder, *, model_path: str, port: int) -> EngineOrder:
    """The engine that these settings ask for, on loopback, with the device, key and patience of the one `beside` it."""
    share = {"gpu_memory_utilization": CARD_SHARE} if beside.device == "cuda" else {}
    return EngineOrder(
        model_path=model_path,
        served_name=chosen.model,
        device=beside.device,
        host="127.0.0.1",
        port=port,
        api_key=beside.api_key,
        max_model_len=chosen.max_model_len,
        kv_cache_gib=chosen.kv_cache_gib,
        max_num_seqs=chosen.max_num_seqs,
        max_queued_requests=chosen.max_queued_requests,
        max_background=chosen.max_background,
        shutdown_s=beside.shutdown_s,
        engine_args=share | chosen.vllm_args,
        task="embed",
    )

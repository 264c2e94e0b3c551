"""`[serving.lora]`: LoRA weights of a node."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LoraSettings(BaseModel):
    """LoRA of one node; 0 `max_loras`: none. `folders`: name -> folder, loaded at each start."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    max_loras: Annotated[int, Field(ge=0, le=1024)] = 0
    max_loaded: Annotated[int, Field(ge=1, le=1024)] = 16
    max_rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] = 16
    folders: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agreeing(self) -> "LoraSettings":
        if self.folders and not self.max_loras:
            raise ValueError("folders are named and max_loras is 0, which is off: set max_loras")
        if self.max_loras > self.max_loaded:
            raise ValueError("max_loras may not be above max_loaded")
        if len(self.folders) > self.max_loaded:
            raise ValueError(f"{len(self.folders)} folders are named and max_loaded is {self.max_loaded}")
        return self

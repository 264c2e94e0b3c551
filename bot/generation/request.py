"""What is asked of the node and what comes back: plain values."""

from dataclasses import dataclass
from typing import Literal

from bot.generation.form import Form

Message = tuple[Literal["system", "user", "assistant"], str]

# lower goes first: an answer somebody waits for, one that was tried before, a draft for an agent, work nobody waits for
LIVE, RETRY, DRAFT, BACKGROUND = 0, 10, 20, 30


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One chat completion. `salt` separates workspaces in the prefix cache, `route` keeps a conversation on one replica;
    both are hex. `priority`: one of the four above; `form`: what the answer must look like, None for text.
    """

    messages: tuple[Message, ...]
    salt: str
    route: str
    max_tokens: int
    temperature: float
    priority: int = LIVE
    form: Form | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """The node's token counts; `cached` is the part of the prompt found in the prefix cache, None where it does not tell."""

    prompt: int
    output: int
    cached: int | None


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer; the last one carries why it ended, the counts, which model it was, and how long the request
    waited in the node's own queue, where the node tells them. `refused`: it is not an answer but says that there will be none.
    """

    text: str
    finish_reason: str | None = None
    usage: Usage | None = None
    refused: bool = False
    model: str = ""
    node_queue_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole answer as the model gave it. Times in milliseconds from the request, but for `queue_ms`: from when the question was
    due to the request. `node_queue_ms`: of the time to the first token, what it waited in the node's own queue. `model`: as the
    node named it, or "".
    """

    text: str
    finish_reason: str
    usage: Usage | None
    first_token_ms: int | None
    total_ms: int
    model: str = ""
    queue_ms: int = 0
    node_queue_ms: int | None = None


@dataclass(frozen=True, slots=True)
class NodeProfile:
    """What a server turned out to be. `model`: what it is asked for; `context` in tokens; `exact`: it counts tokens for us;
    `extras`: it takes cache_salt and priority.
    """

    model: str
    context: int
    exact: bool
    extras: bool

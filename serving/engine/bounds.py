"""What a request to the engine may ask for: an allow-list of fields for each route, with bounds. Pure.

vLLM takes far more than an answer needs: templates of the asker's own, media fetched from any address, hundreds of answers at
once, tables that are walked for every token. What is not named here is refused by name, before vLLM sees it.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

MOST_ANSWERS = 8
MOST_TOKENS = 1 << 20
MOST_STOPS = 16
MOST_BIASES = 300
MOST_MESSAGES = 4096
MOST_TOOLS = 128
MOST_INPUTS = 128  # texts to embed in one request
LONGEST_INPUT = 128 << 10  # characters: a context of 32k tokens
# switches of a model's own template (whether it thinks aloud), never a template
NOT_SWITCHES = frozenset(  # what renders a template takes these for its own: pad a prompt to any length, take another dialogue
    {
        "add_generation_prompt",
        "chat_template",
        "continue_final_message",
        "conversation",
        "documents",
        "max_length",
        "messages",
        "padding",
        "return_assistant_tokens_mask",
        "return_dict",
        "return_tensors",
        "tokenize",
        "tokenizer_kwargs",
        "tools",
        "truncation",
    }
)
TemplateSwitches = Annotated[
    dict[Annotated[str, Meta(max_length=64)], bool | int | Annotated[str, Meta(max_length=64)]], Meta(max_length=16)
]
Answers = Annotated[int, Meta(ge=1, le=MOST_ANSWERS)] | None
Tokens = Annotated[int, Meta(ge=0, le=MOST_TOKENS)] | None
Stops = str | Annotated[list[str], Meta(max_length=MOST_STOPS)] | None
StopTokens = Annotated[list[int], Meta(max_length=MOST_STOPS)] | None
Biases = Annotated[dict[str, float], Meta(max_length=MOST_BIASES)] | None
NOTHING = Raw()
MOST_SCHEMA = 64 << 10
MOST_REPEATS = 4096  # of a text's letters or a list's entries: a grammar is made of them before the first token
REPEATS = ("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties")
PATTERNS = ("pattern", "patternProperties")
MOST_CHOICES = 256
Tools = Annotated[list[Raw], Meta(max_length=MOST_TOOLS)] | None
TokenIds = list[int]


class Structure(msgspec.Struct, forbid_unknown_fields=True):
    """What an answer must look like: a JSON schema, or one of some texts. Grammars and patterns can take minutes to compile."""

    json: Raw = NOTHING
    choice: Annotated[list[str], Meta(max_length=MOST_CHOICES)] | None = None


class Format(msgspec.Struct, forbid_unknown_fields=True):
    """The same in OpenAI's words; vLLM's further types hold grammars."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: Raw = NOTHING


class Sampling(msgspec.Struct, forbid_unknown_fields=True):
    """What every generating route takes."""

    model: str | None = None
    n: Answers = None
    max_tokens: Tokens = None
    min_tokens: Tokens = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: Stops = None
    stop_token_ids: StopTokens = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: Biases = None
    ignore_eos: bool | None = None
    skip_special_tokens: bool | None = None
    stream: bool | None = None
    stream_options: Raw = NOTHING
    response_format: Format | None = None
    structured_outputs: Structure | None = None
    priority: int | None = None
    cache_salt: Annotated[str, Meta(max_length=128)] | None = None
    user: Annotated[str, Meta(max_length=512)] | None = None
    # vllm-router writes these into what it passes on; vLLM does not know them
    no_stop_trim: bool | None = None
    separate_reasoning: bool | None = None
    stream_reasoning: bool | None = None
    return_hidden_states: bool | None = None

    @property
    def answers(self) -> int:
        """How many sequences the engine will run for it."""
        return self.n or 1


class TextPart(msgspec.Struct, forbid_unknown_fields=True):
    """The one kind of part: others name media, which would be fetched."""

    type: Literal["text"]
    text: str


class ChatMessage(msgspec.Struct):
    """Its other fields are text of the dialogue (names, calls of tools)."""

    role: str
    content: str | list[TextPart] | None = None


class Chat(Sampling, forbid_unknown_fields=True, kw_only=True):
    messages: Annotated[list[ChatMessage], Meta(max_length=MOST_MESSAGES)]
    max_completion_tokens: Tokens = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Tools = None
    tool_choice: Raw = NOTHING
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    include_reasoning: bool | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    chat_template_kwargs: TemplateSwitches | None = None


class Completion(Sampling, forbid_unknown_fields=True, kw_only=True):
    prompt: str | Annotated[list[str | int | TokenIds], Meta(max_length=MOST_TOKENS)]
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    add_special_tokens: bool | None = None

    @property
    def answers(self) -> int:
        """Each prompt makes `n`. A list is one prompt of token ids, or several prompts."""
        several = isinstance(self.prompt, list) and not all(isinstance(one, int) for one in self.prompt)
        return (self.n or 1) * (len(self.prompt) if several else 1)


class Tokenize(msgspec.Struct, forbid_unknown_fields=True):
    model: str | None = None
    prompt: str | None = None
    messages: Annotated[list[ChatMessage], Meta(max_length=MOST_MESSAGES)] | None = None
    tools: Tools = None
    add_special_tokens: bool | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    return_token_strs: bool | None = None
    chat_template_kwargs: TemplateSwitches | None = None


class Detokenize(msgspec.Struct, forbid_unknown_fields=True):
    tokens: Annotated[TokenIds, Meta(max_length=MOST_TOKENS)]
    model: str | None = None


Input = Annotated[str, Meta(min_length=1, max_length=LONGEST_INPUT)]


class Embedding(msgspec.Struct, forbid_unknown_fields=True):
    """Texts (or their token ids) to embed. vLLM also takes dialogues, with templates and media: not needed for search."""

    input: Input | Annotated[list[Input | int | TokenIds], Meta(min_length=1, max_length=MOST_TOKENS)]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=1 << 16)] | None = None
    truncate_prompt_tokens: Annotated[int, Meta(ge=-1, le=MOST_TOKENS)] | None = None
    truncation_side: Literal["left", "right"] | None = None
    add_special_tokens: bool | None = None
    priority: int | None = None
    cache_salt: Annotated[str, Meta(max_length=128)] | None = None
    user: Annotated[str, Meta(max_length=512)] | None = None

    @property
    def answers(self) -> int:
        """One that is made: all its texts are done in a few steps, in which they share the engine."""
        return 1

    @property
    def inputs(self) -> int:
        """How many embeddings it makes. A list of numbers is one text by its token ids."""
        several = isinstance(self.input, list) and not all(isinstance(one, int) for one in self.input)
        return len(self.input) if several else 1


LoraName = Annotated[str, Meta(max_length=64)]


class LoadLora(msgspec.Struct, forbid_unknown_fields=True):
    """`version`: the newest where none is named; "previous": the one in use before. Never a path."""

    lora_name: LoraName
    version: Annotated[int, Meta(ge=1)] | Literal["previous"] | None = None
    sha256: Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")] | None = None


class UnloadLora(msgspec.Struct, forbid_unknown_fields=True):
    lora_name: LoraName


Request = Chat | Completion | Tokenize | Detokenize | Embedding | LoadLora | UnloadLora
_READERS: dict[str, msgspec.json.Decoder[Request]] = {
    path: msgspec.json.Decoder(kind)
    for path, kind in (
        ("/v1/chat/completions", Chat),
        ("/v1/completions", Completion),
        ("/tokenize", Tokenize),
        ("/detokenize", Detokenize),
        ("/v1/embeddings", Embedding),
        ("/v1/load_lora_adapter", LoadLora),
        ("/v1/unload_lora_adapter", UnloadLora),
    )
}


class OutOfBounds(ValueError):
    """What the request asks for is not given here; the text names the field and what it may hold."""


def check(path: str, body: bytes) -> Request:
    """The request as far as its bounds go. Raises OutOfBounds; a path without bounds is a mistake of ours (KeyError)."""
    try:
        request = _READERS[path].decode(body)
        if isinstance(request, Sampling):
            _check_schemas(request)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise OutOfBounds(_told(error)) from None
    if isinstance(request, Chat | Tokenize) and (wrong := NOT_SWITCHES & (request.chat_template_kwargs or {}).keys()):
        raise OutOfBounds(f"`chat_template_kwargs` may not have `{min(wrong)}`: it is no switch of a template")
    if isinstance(request, Sampling) and request.answers > MOST_ANSWERS:
        raise OutOfBounds(f"`prompt` and `n` may ask for {MOST_ANSWERS} answers in one request")
    if isinstance(request, Embedding) and request.inputs > MOST_INPUTS:
        raise OutOfBounds(f"`input` may have {MOST_INPUTS} texts in one request")
    return request


def _check_schemas(request: Sampling) -> None:
    """Tools have schemas too: vLLM makes grammars of them where a call is asked for."""
    asked = (
        request.structured_outputs.json if request.structured_outputs else NOTHING,
        request.response_format.json_schema if request.response_format else NOTHING,
        *((request.tools or ()) if isinstance(request, Chat) else ()),
    )
    for schema in asked:
        size = len(memoryview(schema))
        if size > MOST_SCHEMA:
            raise OutOfBounds(f"a schema may have {MOST_SCHEMA} bytes")
        if size:
            _check_schema(msgspec.json.decode(schema))


def _check_schema(part: Any) -> None:
    """A property may have any name: only what is said where a keyword says it counts."""
    if isinstance(part, dict):
        for name in PATTERNS:
            if isinstance(part.get(name), str) or (name == PATTERNS[1] and part.get(name)):
                raise OutOfBounds(f"a schema may not have `{name}`: patterns can take minutes to compile")
        for name in REPEATS:
            if isinstance(many := part.get(name), int | float) and many > MOST_REPEATS:
                raise OutOfBounds(f"`{name}` of a schema may be {MOST_REPEATS} at most")
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _check_schema(inner)


def _told(error: Exception) -> str:
    """The library names the field and the bound, never a value."""
    said = str(error) or type(error).__name__
    return f"{said}: not taken by this node" if "unknown field" in said else said

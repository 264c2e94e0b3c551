"""What an answer must look like: a result type as a JSON schema, or one of some texts. Pure.

Sources: `response_format` of OpenAI's chat completions (its strict schemas close every object and require every field), which
vLLM takes too; `structured_outputs` of vLLM.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

MOST_CHOICES = 256
CHOICE = "choice"
FOR_PEOPLE = frozenset({"title", "default"})


@dataclass(frozen=True, slots=True)
class Shaped:
    """JSON of this schema; `name` is for the server's caches and messages."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these texts, to the letter."""

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        assert 0 < len(set(self.texts)) == len(self.texts) <= MOST_CHOICES, "a choice has some texts, each once"
        assert all(self.texts), "an empty text cannot be chosen"


Form = Shaped | OneOf


def shaped(of: type[Any]) -> Shaped:
    """The form of a result type, a struct: its fields, all of them and no others."""
    (root,), parts = msgspec.json.schema_components((of,), ref_template="#/$defs/{name}")
    name = root.get("$ref", "").removeprefix("#/$defs/") or of.__name__
    closed = {key: _closed(part) for key, part in parts.items()}
    mentioned = msgspec.json.encode(closed).decode()
    used = {key: part for key, part in closed.items() if f'"#/$defs/{key}"' in mentioned}
    # some servers want an object at the root, not the mention of one
    return Shaped(name, {**(closed.get(name) or _closed(root)), **({"$defs": used} if used else {})})


def fields(form: Form, *, vllm: bool) -> dict[str, Any]:
    """What the request's body says for it; a choice is plain text for vLLM, and for other servers JSON of one field."""
    match form:
        case OneOf(texts) if vllm:
            return {"structured_outputs": {"choice": list(texts)}}
        case OneOf(texts):
            return _format(Shaped(CHOICE, _object({CHOICE: {"type": "string", "enum": list(texts)}})))
        case Shaped():
            return _format(form)


def _format(form: Shaped) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": form.name, "schema": form.schema, "strict": True}}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _closed(node: Any) -> Any:
    """Without words that servers refuse; every object closed, every field asked for: one left out would say nothing."""
    if isinstance(node, list):
        return [_closed(part) for part in node]
    if not isinstance(node, dict):
        return node
    if "properties" in node:  # its names are the type's own words, not the schema's
        properties = {name: _closed(part) for name, part in node["properties"].items()}
        rest = {key: part for key, part in node.items() if key not in FOR_PEOPLE | {"properties"}}
        return {**rest, **_object(properties)}
    return {key: part if key == "enum" else _closed(part) for key, part in node.items() if key not in FOR_PEOPLE}

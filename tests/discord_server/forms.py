"""What a message may hold: the checks of docs, resources/message "Create Message" and components/reference."""

from typing import Any

from tests.discord_server.limits import Limits
from tests.discord_server.records import Json, Message
from tests.discord_server.refusals import Refusal, bad_length, empty_message, invalid_form, too_long

BUTTON, ROW = 2, 1
LINK, PREMIUM = 5, 6
SELECTS = {3, 5, 6, 7, 8}
EMBED_FIELDS = {"title": 256, "description": 4096}
REQUIRED = "BASE_TYPE_REQUIRED"
COMPONENTS_V2 = 1 << 15


def check_message(body: Json, limits: Limits, *, files: int) -> None:
    """Raise what the platform answers to a bad message; 50006 for an empty one."""
    check_fields(body, limits, files=files)
    if not files and not shows_something(body):
        raise empty_message()


def check_edit(message: Message, body: Json, limits: Limits, *, files: int) -> None:
    """The same for a change of a message, of which something must be left to show (discord/discord-api-docs issue 7785)."""
    check_fields(body, limits, files=files)
    left = {name: body.get(name, getattr(message, name)) for name in ("content", "embeds", "components", "attachments")}
    if not files and not shows_something(left):
        raise empty_message()


def shows_something(body: Json) -> bool:
    kept = ("embeds", "components", "sticker_ids", "attachments", "poll")
    return bool((body.get("content") or "").strip()) or any(body.get(key) for key in kept)


def check_fields(body: Json, limits: Limits, *, files: int) -> None:
    content = body.get("content")
    if content is not None and not isinstance(content, str):
        raise invalid_form("content", "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if content and len(content) > limits.content:
        raise too_long("content", limits.content)
    if len(str(body.get("nonce") or "")) > limits.nonce:
        raise too_long("nonce", limits.nonce)
    if int(body.get("flags") or 0) & COMPONENTS_V2:
        raise invalid_form("flags", "NOT_SUPPORTED", "This stand-in knows no v2 components.")
    if files > limits.files:
        raise Refusal(400, 30015, f"Maximum number of attachments in a message reached ({limits.files})")
    check_embeds(body.get("embeds") or [], limits)
    check_components(body.get("components") or [], limits)


def check_embeds(embeds: list[Json], limits: Limits) -> None:
    if len(embeds) > limits.embeds:
        raise invalid_form("embeds", "BASE_TYPE_MAX_LENGTH", f"Must be {limits.embeds} or fewer in length.")
    total = 0
    for place, embed in enumerate(embeds):
        for name, most in EMBED_FIELDS.items():
            if len(embed.get(name) or "") > most:
                raise too_long(f"embeds.{place}.{name}", most)
        if len(embed.get("fields") or ()) > 25:
            raise invalid_form(f"embeds.{place}.fields", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        for each, one in enumerate(embed.get("fields") or ()):
            for name, most in (("name", 256), ("value", 1024)):
                if not 1 <= len(one.get(name) or "") <= most:
                    raise bad_length(f"embeds.{place}.fields.{each}.{name}", 1, most)
        total += embed_characters(embed)
    if total > limits.embed_characters:
        message = f"Embed size exceeds maximum size of {limits.embed_characters}"
        raise invalid_form("embeds", "MAX_EMBED_SIZE_EXCEEDED", message)


def embed_characters(embed: Json) -> int:
    fields = sum(len(one.get("name") or "") + len(one.get("value") or "") for one in embed.get("fields") or ())
    footer = len((embed.get("footer") or {}).get("text") or "")
    author = len((embed.get("author") or {}).get("name") or "")
    return fields + footer + author + sum(len(embed.get(name) or "") for name in EMBED_FIELDS)


def check_components(rows: list[Json], limits: Limits) -> None:
    """At most 5 rows; in a row 5 buttons or one menu; every custom_id given, at most 100 characters, unique in the message."""
    if len(rows) > limits.rows:
        raise invalid_form("components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {limits.rows} in length.")
    seen: set[str] = set()
    for place, row in enumerate(rows):
        path = f"components.{place}"
        if row.get("type") != ROW:
            raise invalid_form(f"{path}.type", "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (1,).')
        check_row(row.get("components") or [], f"{path}.components", limits, seen)


def check_row(parts: list[Json], path: str, limits: Limits, seen: set[str]) -> None:
    kinds = [part.get("type") for part in parts]
    if not 1 <= len(parts) <= limits.buttons or (len(parts) > 1 and set(kinds) & SELECTS):
        raise invalid_form(path, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {limits.buttons} in length.")
    for place, part in enumerate(parts):
        here = f"{path}.{place}"
        if part.get("type") == BUTTON:
            check_button(part, here, limits, seen)
        elif part.get("type") in SELECTS:
            check_custom_id(part, here, limits, seen)
            if part["type"] == 3 and not 1 <= len(part.get("options") or ()) <= 25:
                raise bad_length(f"{here}.options", 1, 25)
        else:
            raise invalid_form(f"{here}.type", "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (2, 3, 5, 6, 7, 8).')


def check_button(part: Json, path: str, limits: Limits, seen: set[str]) -> None:
    """Which fields a style takes: docs, components/reference, "Button Structure"."""
    style = part.get("style")
    if style == PREMIUM:
        if not part.get("sku_id") or part.keys() & {"custom_id", "label", "url", "emoji"}:
            raise invalid_form(f"{path}.sku_id", REQUIRED, "A premium button has a sku_id and nothing else")
        return
    if len(part.get("label") or "") > 80:
        raise too_long(f"{path}.label", 80)
    if not part.get("label") and not part.get("emoji"):
        raise invalid_form(path, REQUIRED, "A button must have a label or an emoji")
    if style == LINK:
        if not 1 <= len(part.get("url") or "") <= 512 or "custom_id" in part:
            raise invalid_form(path, "BUTTON_COMPONENT_INVALID_URL", "A link button has a url of 512 characters and no custom_id")
    elif style in (1, 2, 3, 4):
        if part.keys() & {"url", "sku_id"}:
            raise invalid_form(path, "BUTTON_COMPONENT_INVALID_URL", "A button with a custom_id has no url and no sku_id")
        check_custom_id(part, path, limits, seen)
    else:
        raise invalid_form(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4, 5, 6).")


def check_custom_id(part: Json, path: str, limits: Limits, seen: set[str]) -> None:
    given: Any = part.get("custom_id")
    if not given:
        raise invalid_form(f"{path}.custom_id", REQUIRED, "This field is required")
    if len(given) > limits.custom_id:
        raise bad_length(f"{path}.custom_id", 1, limits.custom_id)
    if given in seen:
        raise invalid_form(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
    seen.add(given)


def check_modal(data: Json, limits: Limits) -> None:
    """A modal's custom_id (1-100), title (1-45), and 1-5 inputs, each in a row or under a label (docs: modal)."""
    check_custom_id(data, "data", limits, set())
    if not 1 <= len(data.get("title") or "") <= 45:
        raise bad_length("data.title", 1, 45)
    if not 1 <= len(data.get("components") or ()) <= 5:
        raise bad_length("data.components", 1, 5)
    seen: set[str] = set()
    for place, one in enumerate(inputs(data)):
        check_custom_id(one, f"data.components.{place}.component", limits, seen)
        if one.get("type") == 4 and len(one.get("placeholder") or "") > 100:
            raise too_long(f"data.components.{place}.placeholder", 100)


def inputs(modal: Json) -> list[Json]:
    """The fields of a modal, whether in rows (older) or under labels."""
    found: list[Json] = []
    for part in modal.get("components") or ():
        inner = [part["component"]] if "component" in part else part.get("components") or []
        found.extend(one for one in inner if "custom_id" in one)
    return found

"""REST: the callback of an interaction and its webhook; the token in the path is the key (docs: interactions)."""

from tests.discord_server.calls import Call, number
from tests.discord_server.interactions import Interaction, Interactions
from tests.discord_server.payloads import Links
from tests.discord_server.records import Json, Message
from tests.discord_server.responses import Responses
from tests.discord_server.routing import Route


class InteractionRoutes:
    def __init__(self, interactions: Interactions, responses: Responses, links: Links) -> None:
        self._interactions, self._responses, self._links = interactions, responses, links

    def routes(self) -> list[Route]:
        hook = "/webhooks/{webhook_id}/{token}"
        one = f"{hook}/messages/{{message_id}}"
        return [
            Route("POST", "/interactions/{interaction_id}/{token}/callback", self.callback, "callbacks", open=True),
            Route("POST", hook, self.follow_up, "webhooks", open=True),
            Route("GET", one, self.get, "webhooks", open=True),
            Route("PATCH", one, self.edit, "webhooks", open=True),
            Route("DELETE", one, self.delete, "webhooks", open=True),
        ]

    def callback(self, call: Call) -> Json | None:
        one = self._interactions.for_callback(call.number("interaction_id"), call.ids["token"])
        kind = int(call.json.get("type") or 0)
        message = self._responses.first(one, kind, call.json.get("data") or {}, call.files)
        if call.query.get("with_response") not in ("1", "true", "True"):
            return None
        said: Json = {"interaction": {"id": str(one.id), "type": one.kind}}
        if message is not None:
            said["interaction"] |= {
                "response_message_id": str(message.id),
                "response_message_loading": bool(message.flags & Message.LOADING),
                "response_message_ephemeral": bool(message.flags & Message.EPHEMERAL),
            }
            said["resource"] = {"type": kind, "message": self._links.message(message, one.app.id)}
        return said

    def _of(self, call: Call) -> Interaction:
        return self._interactions.for_webhook(call.number("webhook_id"), call.ids["token"])

    @staticmethod
    def _number(call: Call) -> int | None:
        given = call.ids["message_id"]
        return None if given == "@original" else number(given, "message_id")

    def follow_up(self, call: Call) -> Json:
        one = self._of(call)
        return self._links.message(self._responses.follow_up(one, call.json, call.files), one.app.id)

    def get(self, call: Call) -> Json:
        one = self._of(call)
        return self._links.message(self._responses.find(one, self._number(call)), one.app.id)

    def edit(self, call: Call) -> Json:
        one = self._of(call)
        return self._links.message(self._responses.edit(one, self._number(call), call.json, call.files), one.app.id)

    def delete(self, call: Call) -> None:
        self._responses.delete(self._of(call), self._number(call))

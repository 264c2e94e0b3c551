"""Which of several engines has answered: a header, for whoever looks into how conversations are spread."""

from serving.engine.gate import App, Message, Receive, Scope, Send

HEADER = b"x-replica"


def stamped(app: App, name: str) -> App:
    """`app`, whose answers carry `name`; unchanged where there is none."""
    if not name:
        return app

    async def stamping(scope: Scope, receive: Receive, send: Send) -> None:
        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, name.encode())]
            await send(message)

        await app(scope, receive, named)

    return stamping

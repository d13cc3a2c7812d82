"""Nothing of ours may be kept by a cache, also where a route says nothing of it."""

from starlette.datastructures import MutableHeaders

from app.backend.api.edge import App, Message, Receive, Scope, Send

__all__ = ["NoStore"]


class NoStore:
    """Pure ASGI: gives an answer without a Cache-Control header ``no-store``."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=[*message.get("headers", ())])
                headers.setdefault("cache-control", "no-store")
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, send_on)

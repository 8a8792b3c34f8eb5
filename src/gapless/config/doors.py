"""The doors of a hub as a configuration wants them: with its tokens, and with the back ends that decide."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..doors.asgi import HubApp
from ..hub import Hub
from ..proxy.proxy import Proxies, Proxy
from .settings import Settings


def doors(settings: Settings, hub: Hub) -> ASGIApp:
    """`HubApp` for this hub, whose hooks ask the configured back ends.

    Clients without a user are let in where `[client]` says so; where it says nothing, only by a hub
    that neither has a credential nor verifies tokens. This holds for all doors.

    Raises:
        ConfigError: a key, an origin or the credential cannot be.
    """
    client = settings.client
    tokens = client.verifier(dev=settings.dev)
    anonymous = client.allow_anonymous_connect_without_token
    if anonymous is None:
        anonymous = tokens is None and settings.token is None
    app = HubApp(
        hub,
        token=settings.token,
        origins=settings.origins,
        default_channels=settings.default_channels,
        board=settings.board.board(),
        configuration=settings.effective(),
        open_api=settings.token is None,
        old_api_clients=settings.old_api_clients,
        require_credential=not anonymous,
        tokens=tokens,
        anonymous=anonymous,
        insecure=client.insecure,
        anonymous_tokens=not client.disallow_anonymous_connection_tokens,
        personal_namespace=client.personal_namespace,
        weak_token=settings.dev,
    )
    proxies = back_ends(settings)
    if proxies is None:
        return app
    proxy = Proxy(proxies)
    proxy.install(hub)
    return _Closing(app, proxy)


def back_ends(settings: Settings) -> Proxies | None:
    """Where decisions are made, None where this hub makes them all. Raises ConfigError."""
    switched_on = settings.channel.switched_on() if settings.channel is not None else {}
    return settings.proxy.proxies(switched_on)


class _Closing:
    """An application that gives the proxy's connections back when the server ends its lifespan."""

    def __init__(self, app: HubApp, proxy: Proxy) -> None:
        self.direct_requests = app.direct_requests
        self._app = app
        self._proxy = proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await self._proxy.close()  # before the server hears of it, and ends the loop
            await send(message)

        await self._app(scope, receive, sent)

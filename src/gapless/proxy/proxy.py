"""The proxy contract of Centrifugo: back ends in any language decide, each call as a hook of the hub.

Nothing else knows where a decision comes from. How a back end is asked, and how its answer is
read, is in `backend`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from ..core.patterns import Pattern
from ..errors import Disconnect, Internal
from ..hooks.events import (
    Client,
    ConnectEvent,
    PublishEvent,
    RefreshEvent,
    Replace,
    RpcEvent,
    SubscribeEvent,
    SubscriptionGrant,
    Welcome,
)
from ..hooks.registry import Hook
from ..hub import Hub
from ..model import NO_OVERRIDE, Grant
from ..options import overridden
from .backend import Answer, Backend, Endpoint, StatusRule

__all__ = ["Endpoint", "Proxies", "Proxy", "StatusRule"]


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which decisions a back end makes; None: the hub's own options and hooks."""

    connect: Endpoint | None = None
    refresh: Endpoint | None = None
    subscribe: Endpoint | None = None
    publish: Endpoint | None = None
    sub_refresh: Endpoint | None = None
    rpc: Endpoint | None = None


class Proxy:
    """Asks the back ends. `install` makes it the hub's hooks; `close` gives its connections back."""

    def __init__(self, proxies: Proxies, client: httpx.AsyncClient | None = None) -> None:
        self._proxies = proxies
        self._backend = Backend(client)
        self._hub: Hub

    async def close(self) -> None:
        """Close the connections to the back end."""
        await self._backend.close()

    def install(self, hub: Hub) -> None:
        """Register the hooks of every configured call."""
        self._hub = hub
        proxies = self._proxies
        if proxies.connect is not None:
            hub.on_connect(self._connect)
        if proxies.refresh is not None:
            hub.hooks.add("refresh", None, self._refresh)
        by_pattern = (
            ("subscribe", proxies.subscribe, self._subscribe),
            ("publish", proxies.publish, self._publish),
            ("rpc", proxies.rpc, self._rpc),
            ("sub_refresh", proxies.sub_refresh, self._sub_refresh),
        )
        for event, endpoint, hook in by_pattern:
            patterns = endpoint.patterns if endpoint is not None else ()
            for at, pattern in enumerate(patterns):
                hub.hooks.add(event, pattern, _once(hook, patterns[:at]))
        for endpoint in (proxies.refresh, *(endpoint for _, endpoint, _ in by_pattern)):
            if endpoint is not None:
                hub.hooks.keep_headers(endpoint.http_headers, endpoint.emulated_headers)

    # -- hooks

    async def _connect(self, event: ConnectEvent) -> Grant:
        endpoint = _configured(self._proxies.connect)
        body = _about(endpoint, event.client) | _payload(endpoint, event.data)
        said = {"name": event.name, "version": event.version, "channels": list(event.channels)}
        body |= {name: value for name, value in said.items() if value}
        headers = endpoint.headers_for(event.headers, event.emulated_headers)
        answer = await self._backend.ask(endpoint, body, headers)
        if answer is None:
            raise Disconnect(3501, "no credentials")
        return Welcome(
            user=answer.get("user", str),
            info=answer.json("info", "b64info"),
            data=answer.json("data", "b64data"),
            expires_at=answer.expiry(),
            channels=tuple(answer.names("channels")),
            meta=answer.get("meta", dict),
            subs=answer.subscriptions(),
        )

    async def _refresh(self, event: RefreshEvent) -> Grant:
        endpoint = _configured(self._proxies.refresh)
        answer = await self._ask(endpoint, event.client, {})
        info, meta = answer.json("info", "b64info"), answer.get("meta", dict)
        return Grant(info=info, expires_at=answer.expiry(), meta=meta)

    async def _subscribe(self, event: SubscribeEvent) -> SubscriptionGrant:
        endpoint = _configured(self._proxies.subscribe)
        body = {"channel": event.channel, **_payload(endpoint, event.data)}
        if event.token:
            body["token"] = event.token
        answer = await self._ask(endpoint, event.client, body)
        override, options = answer.override(), self._hub.node.registry.declared(event.channel)
        return SubscriptionGrant(
            info=answer.fragment("info", "b64info"),
            data=answer.fragment("data", "b64data"),
            expires_at=answer.expiry(),
            options=None if options is None or override == NO_OVERRIDE else overridden(options, override),
        )

    async def _sub_refresh(self, event: RefreshEvent) -> SubscriptionGrant:
        endpoint = _configured(self._proxies.sub_refresh)
        answer = await self._ask(endpoint, event.client, {"channel": event.channel})
        return SubscriptionGrant(info=answer.fragment("info", "b64info"), expires_at=answer.expiry())

    async def _publish(self, event: PublishEvent) -> Replace:
        endpoint = _configured(self._proxies.publish)
        # Here null is a payload like others.
        body = {"channel": event.channel, **(_payload(endpoint, event.data) or {"data": None})}
        answer = await self._ask(endpoint, event.client, body)
        data = answer.fragment("data", "b64data")
        return Replace(
            event.data if data is None else data,
            tags=answer.tags(),
            skip_history=answer.get("skip_history", bool),
            idempotency_key=answer.get("idempotency_key", str) or None,
            delta=answer.get("delta", bool),
            version=answer.get("version", int),
            version_epoch=answer.get("version_epoch", str),
        )

    async def _rpc(self, event: RpcEvent) -> Any:
        endpoint = _configured(self._proxies.rpc)
        body = {"method": event.method, **_payload(endpoint, event.data)}
        return (await self._ask(endpoint, event.client, body)).fragment("data", "b64data")

    async def _ask(self, endpoint: Endpoint, client: Client, body: Mapping[str, Any]) -> Answer:
        """Raises ClientError or Disconnect."""
        headers = endpoint.headers_for(client.headers, client.emulated_headers)
        return await self._backend.result(endpoint, {**_about(endpoint, client), **body}, headers)


def _once(hook: Hook, others: Sequence[str]) -> Hook:
    """The hook, but for what one of the other patterns has asked it already."""
    taken = [Pattern(pattern) for pattern in others]

    async def ask(event: Any, **_: str) -> Any:
        name = event.method if isinstance(event, RpcEvent) else event.channel
        return None if any(pattern.match(name) is not None for pattern in taken) else await hook(event)

    return ask


def _configured(endpoint: Endpoint | None) -> Endpoint:
    if endpoint is None:
        raise Internal
    return endpoint


def _about(endpoint: Endpoint, client: Client) -> dict[str, Any]:
    about: dict[str, Any] = {
        "client": client.id,
        "transport": client.transport,
        "protocol": client.protocol,
        "encoding": "binary" if endpoint.binary_encoding else "json",
    }
    if client.user:
        about["user"] = client.user
    if endpoint.include_connection_meta and client.meta:
        about["meta"] = dict(client.meta)
    return about


def _payload(endpoint: Endpoint, data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    if isinstance(data, bytes):
        return {"b64data": base64.b64encode(data).decode()}
    if endpoint.binary_encoding:
        return {"b64data": base64.b64encode(orjson.dumps(data)).decode()}
    return {"data": data}

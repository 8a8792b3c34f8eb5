"""The proxy contract of Centrifugo: a back end in any language decides, asked by HTTP.

Each configured call becomes a hook of the hub, so that nothing else knows where a decision comes
from. A back end answers `{"result": …}`, `{"error": {"code", "message"}}` or
`{"disconnect": {"code", "reason"}}`; any other status than 200 is error 100 unless it is mapped.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from .errors import ClientError, ConfigError, Disconnect, Expired, Internal
from .hooks import Client, ConnectEvent, PublishEvent, RefreshEvent, Replace, RpcEvent, Seat, SubscribeEvent
from .hub import Hub
from .model import Grant

log = logging.getLogger("gapless")

ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StatusRule:
    """What an HTTP status of the back end means: an error code, or a disconnect."""

    status_code: int
    to_error: Mapping[str, Any] | None = None
    to_disconnect: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if (self.to_error is None) is (self.to_disconnect is None):
            raise ConfigError(f"status {self.status_code}: give either to_error or to_disconnect")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one kind of decision is made.

    `http_headers` are the client's headers that are passed on, by lower-case name; others are not.
    `patterns` limits subscribe, publish and sub_refresh to channels, rpc to methods.
    """

    url: str
    timeout: float = 1.0
    http_headers: Sequence[str] = ()
    static_http_headers: Mapping[str, str] = field(default_factory=dict)
    status_to_code_transforms: Sequence[StatusRule] = ()
    binary_encoding: bool = False
    include_connection_meta: bool = False
    patterns: Sequence[str] = ("*",)

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"a proxy's endpoint is an http:// or https:// URL, not {self.url!r}")
        if self.timeout <= 0:
            raise ConfigError(f"a proxy's timeout is above 0 seconds, not {self.timeout!r}")


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
    """Asks the back end. `install` makes it the hub's hooks; `close` gives its connections back."""

    def __init__(self, proxies: Proxies, client: httpx.AsyncClient | None = None) -> None:
        self._proxies = proxies
        self._http = client or httpx.AsyncClient(follow_redirects=False)
        # What a connection came with, for the calls that follow; forgotten when it goes.
        self._headers: dict[str, Mapping[str, str]] = {}

    async def close(self) -> None:
        await self._http.aclose()

    def install(self, hub: Hub) -> None:
        """Register the hooks of every configured call."""
        proxies = self._proxies
        if proxies.connect is not None:
            hub.on_connect(self._connect)
        if proxies.refresh is not None or proxies.sub_refresh is not None:
            hub.on_refresh(self._refresh)
        for endpoint, register, hook in (
            (proxies.subscribe, hub.on_subscribe, self._subscribe),
            (proxies.publish, hub.on_publish, self._publish),
            (proxies.rpc, hub.on_rpc, self._rpc),
        ):
            for pattern in endpoint.patterns if endpoint is not None else ():
                register(pattern)(hook)
        hub.on_disconnect(self._forget)

    # -- hooks

    async def _connect(self, event: ConnectEvent) -> Grant:
        endpoint = _configured(self._proxies.connect)
        self._headers[event.client.id] = event.headers
        body = self._about(endpoint, event.client) | _payload(endpoint, event.data)
        result = await self._ask(endpoint, event.client, body)
        if result is None:
            raise Disconnect(3501, "no credentials")
        subs = _object(result, "subs")
        channels = [*_list(result, "channels"), *subs]
        return Grant(
            user=_text(result, "user"),
            info=_json(result, "info", "b64info"),
            data=_json(result, "data", "b64data"),
            expires_at=_time(result),
            channels=tuple(dict.fromkeys(channels)),
            meta=_object(result, "meta"),
        )

    async def _subscribe(self, event: SubscribeEvent, **_: str) -> Seat:
        endpoint = _configured(self._proxies.subscribe)
        body = self._about(endpoint, event.client) | {"channel": event.channel}
        body |= _payload(endpoint, event.data)
        result = await self._ask(endpoint, event.client, body) or {}
        info, data = _json(result, "info", "b64info"), _json(result, "data", "b64data")
        return Seat(
            info=None if info is None else orjson.Fragment(info),
            data=None if data is None else orjson.Fragment(data),
            expires_at=_time(result),
        )

    async def _publish(self, event: PublishEvent, **_: str) -> Replace | None:
        endpoint = _configured(self._proxies.publish)
        body = self._about(endpoint, event.client) | {"channel": event.channel}
        body |= _payload(endpoint, event.data)
        result = await self._ask(endpoint, event.client, body) or {}
        data = _json(result, "data", "b64data")
        if data is None and not result.get("skip_history") and not result.get("tags"):
            return None
        return Replace(
            event.data if data is None else orjson.Fragment(data),
            tags=_object(result, "tags") or None,
            skip_history=result.get("skip_history") is True,
        )

    async def _rpc(self, event: RpcEvent, **_: str) -> Any:
        endpoint = _configured(self._proxies.rpc)
        body = self._about(endpoint, event.client) | {"method": event.method}
        body |= _payload(endpoint, event.data)
        result = await self._ask(endpoint, event.client, body) or {}
        data = _json(result, "data", "b64data")
        return None if data is None else orjson.Fragment(data)

    async def _refresh(self, event: RefreshEvent) -> float | None:
        endpoint = self._proxies.sub_refresh if event.channel else self._proxies.refresh
        if endpoint is None:
            return None
        body = self._about(endpoint, event.client)
        if event.channel:
            body["channel"] = event.channel
        result = await self._ask(endpoint, event.client, body) or {}
        if result.get("expired") is True:
            raise Expired
        return _time(result)

    def _forget(self, event: Any) -> None:
        self._headers.pop(event.client.id, None)

    # -- the call

    def _about(self, endpoint: Endpoint, client: Client) -> dict[str, Any]:
        about: dict[str, Any] = {
            "client": client.id,
            "transport": client.transport,
            "protocol": "json",
            "encoding": "binary" if endpoint.binary_encoding else "json",
        }
        if client.user:
            about["user"] = client.user
        if endpoint.include_connection_meta and client.meta:
            about["meta"] = client.meta
        return about

    async def _ask(
        self, endpoint: Endpoint, client: Client, body: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """The back end's `result`, None when it gave none.

        Raises:
            ClientError: it said `error`, or could not be asked (100).
            Disconnect: it said `disconnect`.
        """
        known = self._headers.get(client.id, {})
        headers = {name: known[name] for name in map(str.lower, endpoint.http_headers) if name in known}
        headers |= {**endpoint.static_http_headers, "content-type": "application/json"}
        try:
            response = await self._http.post(
                endpoint.url, content=orjson.dumps(body), headers=headers, timeout=endpoint.timeout
            )
        except httpx.HTTPError as error:
            log.warning("the back end at %s cannot be asked: %s", endpoint.url, type(error).__name__)
            raise Internal from error
        if response.status_code != 200:
            raise _by_status(endpoint, response.status_code)
        try:
            said = orjson.loads(response.content[: ANSWER_BYTES + 1])
        except orjson.JSONDecodeError as error:
            raise Internal from error
        if not isinstance(said, dict):
            raise Internal
        if isinstance(refusal := said.get("disconnect"), dict):
            raise _disconnect(refusal)
        if isinstance(refusal := said.get("error"), dict):
            raise _error(refusal)
        result = said.get("result")
        return result if isinstance(result, dict) else None


def _configured(endpoint: Endpoint | None) -> Endpoint:
    if endpoint is None:
        raise Internal
    return endpoint


def _by_status(endpoint: Endpoint, status: int) -> ClientError | Disconnect:
    for rule in endpoint.status_to_code_transforms:
        if rule.status_code == status:
            if rule.to_disconnect is not None:
                return _disconnect(rule.to_disconnect)
            return _error(rule.to_error or {})
    log.warning("the back end at %s answered %d", endpoint.url, status)
    return Internal()


def _error(said: Mapping[str, Any]) -> ClientError:
    code, message = said.get("code"), said.get("message")
    if not isinstance(code, int) or isinstance(code, bool) or not 0 < code < 2000:
        return Internal()
    text = message if isinstance(message, str) and message else "refused"
    return ClientError(text, code=code, temporary=said.get("temporary") is True)


def _disconnect(said: Mapping[str, Any]) -> Disconnect:
    code, reason = said.get("code"), said.get("reason")
    if not isinstance(code, int) or isinstance(code, bool) or not 3000 <= code <= 4999:
        return Disconnect(3004)
    return Disconnect(code, reason[:100] if isinstance(reason, str) and reason else None)


def _payload(endpoint: Endpoint, data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    if endpoint.binary_encoding:
        return {"b64data": base64.b64encode(orjson.dumps(data)).decode()}
    return {"data": data}


def _json(result: Mapping[str, Any], name: str, base64_name: str) -> bytes | None:
    encoded = result.get(base64_name)
    if isinstance(encoded, str) and encoded:
        try:
            raw = base64.b64decode(encoded, validate=True)
            orjson.loads(raw)
        except ValueError as error:
            raise Internal from error
        return raw
    return orjson.dumps(result[name]) if result.get(name) is not None else None


def _time(result: Mapping[str, Any]) -> float | None:
    value = result.get("expire_at")
    return float(value) if isinstance(value, (int, float)) and value > 0 else None


def _text(result: Mapping[str, Any], name: str) -> str:
    value = result.get(name, "")
    return value if isinstance(value, str) else ""


def _object(result: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = result.get(name)
    return value if isinstance(value, dict) else {}


def _list(result: Mapping[str, Any], name: str) -> list[str]:
    value = result.get(name)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []

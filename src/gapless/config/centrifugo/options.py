"""The options of Centrifugo 6, by what becomes of each here.

A value may be text: Centrifugo takes `"9000"` for a number and `"true"` for a truth in a file too, and
the environment has nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, NamedTuple

from ..channel import NamespaceSection
from ..client import SubscriptionTokenSection, TokenSection
from ..formats import Keys
from ..proxy import ProxySection
from ..values import Section, seconds
from .names import NAMES

PORT = 8000
"""Where Centrifugo listens unless it is told otherwise."""

_TRUTHS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


def truth(value: Any) -> Any:
    """Raises ValueError for a text that is neither true nor false."""
    if not isinstance(value, str):
        return value
    if value.lower() not in _TRUTHS:
        raise ValueError(f"this is true or false, not {value!r}")
    return _TRUTHS[value.lower()]


def words(value: Any) -> list[Any]:
    """A list as it is; a text is what stands between its blanks."""
    return value.split() if isinstance(value, str) else list(value or ())


def _same(value: Any) -> Any:
    return value


def _whole(value: Any) -> int:
    return int(value, 0) if isinstance(value, str) else int(value)


def _bound(value: Any) -> int | None:
    return _whole(value) or None


def _span(value: Any) -> Any:
    return seconds(value)


def _address(value: Any) -> str:
    first = str((words(value) or [""])[0])
    return first if "://" in first else f"redis://{first}"


class Applied(NamedTuple):
    """Where an option is here, and what makes of its value what is meant here."""

    target: Keys
    convert: Callable[[Any], Any] = _same


APPLIED: dict[str, Applied] = {
    "http_server.address": Applied(("host",)),
    "http_server.port": Applied(("port",), _whole),
    "http_api.key": Applied(("token",)),
    "http_api.insecure": Applied(("api_is_open",), truth),
    "client.allowed_origins": Applied(("origins",), words),
    "client.insecure": Applied(("client", "insecure"), truth),
    "client.ping_interval": Applied(("limits", "ping_interval"), _span),
    "client.pong_timeout": Applied(("limits", "pong_timeout"), _span),
    "client.stale_close_delay": Applied(("limits", "connect_timeout"), _span),
    "client.expired_close_delay": Applied(("limits", "expiry_grace"), _span),
    "client.channel_limit": Applied(("limits", "subscriptions"), _whole),
    "client.connection_limit": Applied(("limits", "connections"), _bound),
    "client.user_connection_limit": Applied(("limits", "user_connections"), _bound),
    "client.history_max_publication_limit": Applied(("limits", "history_publications"), _whole),
    "client.subscribe_to_user_personal_channel.enabled": Applied(
        ("client", "user_personal_channel", "enabled"), truth
    ),
    "client.subscribe_to_user_personal_channel.personal_channel_namespace": Applied(
        ("client", "user_personal_channel", "namespace")
    ),
    "client.allow_anonymous_connect_without_token": Applied(
        ("client", "allow_anonymous_connect_without_token"), truth
    ),
    "client.disallow_anonymous_connection_tokens": Applied(
        ("client", "disallow_anonymous_connection_tokens"), truth
    ),
    "websocket.message_size_limit": Applied(("limits", "message_bytes"), _whole),
    "channel.max_length": Applied(("limits", "channel_bytes"), _whole),
    "channel.publication_data_format": Applied(("data_format",)),
    "rpc.without_namespace.proxy_enabled": Applied(("rpc_is_asked",), truth),
    "engine.type": Applied(("engine",)),
    "engine.redis.address": Applied(("engine_redis",), _address),
}
"""Options under another name here."""


class Passed(NamedTuple):
    """Where a table is here that has the same options there."""

    target: Keys
    section: type[Section] | None = None
    """None for a single option."""


PASSED: dict[Keys, Passed] = {
    ("client", "token"): Passed(("client", "token"), TokenSection),
    ("client", "subscription_token"): Passed(("client", "subscription_token"), SubscriptionTokenSection),
    ("client", "proxy", "connect"): Passed(("proxy", "connect"), ProxySection),
    ("client", "proxy", "refresh"): Passed(("proxy", "refresh"), ProxySection),
    ("channel", "proxy", "subscribe"): Passed(("proxy", "subscribe"), ProxySection),
    ("channel", "proxy", "publish"): Passed(("proxy", "publish"), ProxySection),
    ("channel", "proxy", "sub_refresh"): Passed(("proxy", "sub_refresh"), ProxySection),
    ("rpc", "proxy"): Passed(("proxy", "rpc"), ProxySection),
    ("channel", "without_namespace"): Passed(("channel", "without_namespace"), NamespaceSection),
    ("channel", "namespaces"): Passed(("channel", "namespaces")),
    ("channel", "history_meta_ttl"): Passed(("channel", "history_meta_ttl")),
    ("channel", "namespace_boundary"): Passed(("channel", "namespace_boundary")),
    ("channel", "private_prefix"): Passed(("channel", "private_prefix")),
    ("channel", "user_boundary"): Passed(("channel", "user_boundary")),
    ("channel", "user_separator"): Passed(("channel", "user_separator")),
}

NAMESPACES = ("channel", "namespaces")

MAP_KINDS = ("map", "map_clients", "map_users", "shared_poll")
"""Kinds of subscriptions that are not there: a namespace of one is declared, and nobody may subscribe."""

_NO_MAPS = "map subscriptions are not there; remove it"
_NO_GRPC = "there is no gRPC here"
_FIXED_PATH = "the doors' paths are fixed here: let a proxy before this server rewrite them, or remove it"
_ONE_BACK_END = "there is one back end for each kind of decision; write it as channel.proxy.…"

REFUSED: Mapping[str, str] = {
    "client.subscribe_to_user_personal_channel.single_connection": "a user's other connections go on here; "
    "remove it",
    "client.user_id_http_header": "no header says who a client is here; let client.proxy.connect read it",
    "client.insecure_skip_token_signature_verify": "tokens are verified or not taken; use client.insecure",
    "client.connect_code_to_unidirectional_disconnect.enabled": "codes are not mapped here; remove it",
    "http_server.tls.enabled": "end TLS in a proxy before this server",
    "http_server.tls_autocert.enabled": "end TLS in a proxy before this server",
    "http_server.http3.enabled": "there is no HTTP/3 here; remove it",
    "http_api.disabled": "it cannot be switched off here; remove it",
    "http_api.handler_prefix": _FIXED_PATH,
    "websocket.disabled": "it cannot be switched off here; remove it",
    "websocket.handler_prefix": _FIXED_PATH,
    "sse.handler_prefix": _FIXED_PATH,
    "http_stream.handler_prefix": _FIXED_PATH,
    "emulation.handler_prefix": _FIXED_PATH,
    "uni_websocket.handler_prefix": _FIXED_PATH,
    "uni_sse.handler_prefix": _FIXED_PATH,
    "uni_http_stream.handler_prefix": _FIXED_PATH,
    "uni_sse.connect_code_to_http_response.enabled": "codes are not mapped here; remove it",
    "uni_http_stream.connect_code_to_http_response.enabled": "codes are not mapped here; remove it",
    "grpc_api.enabled": "there is no gRPC here; use the HTTP API",
    "uni_grpc.enabled": "there is no gRPC here; use uni_http_stream",
    "webtransport.enabled": "there is no WebTransport here; remove it",
    "broker.enabled": "NATS and separate brokers are not there; set engine.type",
    "presence_manager.enabled": "presence is kept where the histories are; remove it",
    "controller.enabled": "nodes speak through the store; remove it",
    "consumers": "there are no consumers; publish by the HTTP API",
    "proxies": _ONE_BACK_END,
    "channel.proxy.subscribe_stream.endpoint": "back ends do not stream here; remove it",
    "channel.proxy.map_publish.endpoint": _NO_MAPS,
    "channel.proxy.map_remove.endpoint": _NO_MAPS,
    "channel.proxy.shared_poll_refresh.endpoint": "shared polls are not there; remove it",
    "shared_poll.hmac_secret_key": "shared polls are not there; remove it",
    "rpc.namespaces": "there is one back end for calls, rpc.proxy; remove it",
    "rpc.ping.enabled": "there is no call of that name here; remove it, or answer it by rpc.proxy",
    **dict.fromkeys(
        (f"engine.redis.{name}" for name in ("user", "password", "db", "tls.enabled")),
        "write it into engine.redis.address, as redis://USER:PASSWORD@HOST/DB",
    ),
    "secrets": "give secrets in the environment, as GAPLESS_…",
}
"""What would change how it works, and cannot be had. With `dev` it is left out, and said."""

DEFAULTS: Mapping[str, Any] = {
    "http_api.handler_prefix": "/api",
    "websocket.handler_prefix": "/connection/websocket",
    "sse.handler_prefix": "/connection/sse",
    "http_stream.handler_prefix": "/connection/http_stream",
    "emulation.handler_prefix": "/emulation",
    "uni_websocket.handler_prefix": "/connection/uni_websocket",
    "uni_sse.handler_prefix": "/connection/uni_sse",
    "uni_http_stream.handler_prefix": "/connection/uni_http_stream",
}
"""Values that say nothing, where they are not those of `OFF`."""

OFF: tuple[Any, ...] = (None, False, "", 0, "0", "0s", "false", [], {})
"""Values that switch nothing on."""

WITHOUT_EFFECT: Mapping[str, str] = {
    "admin": "the page at / asks for http_api.key",
    "client.expired_sub_close_delay": "client.expired_close_delay is for subscriptions too",
    "client.queue_max_size": "there is no queue per client: a slow one reads on from the log",
    "client.recovery_max_publication_limit": "a reply has up to 512 KiB of what was missed, the rest follows",
    "client.connection_rate_limit": "who connects waits for the others of its turn",
    **dict.fromkeys(
        (
            "client.presence_update_interval",
            "client.concurrency",
            "client.channel_position_check_delay",
            "client.channel_position_max_time_lag",
            "client.connect_include_server_time",
            "client.connect_code_to_unidirectional_disconnect",
            "channel.proxy",
        ),
        "it is one of Centrifugo's own workings",
    ),
    "rpc": "there is one back end for calls, rpc.proxy",
    "websocket": "it is one of Centrifugo's own workings",
    "sse": "the door is always there",
    "http_stream": "the door is always there",
    "emulation": "the door is always there",
    "uni_sse": "the door is always there",
    "uni_http_stream": "the door is always there",
    "uni_websocket": "the door is always there",
    "health": "/health is always there",
    "prometheus": "numbers are in /api/info and /metrics",
    "http_api": "the API is always at /api",
    "http_server": "it is one of Centrifugo's own workings",
    "grpc_api": _NO_GRPC,
    "uni_grpc": _NO_GRPC,
    "webtransport": "there is no WebTransport here",
    "broker": "histories are kept where engine.type says",
    "presence_manager": "presence is kept where the histories are",
    "controller": "nodes speak through the store",
    "map_broker": "map subscriptions are not there",
    "shared_poll": "shared polls are not there",
    "log": "it writes warnings to stderr",
    "graphite": "it is not there",
    "opentelemetry": "it is not there",
    "usage_stats": "nothing is sent anywhere",
    "swagger": "it is not there",
    "debug": "it is not there",
    "node": "a process has a name of its own",
    "shutdown": "it ends within two seconds",
    "pid_file": "the process that starts it knows",
    "init": "/connection/init is always there",
    "engine": "it is one of Centrifugo's own workings",
    "enable_unreleased_features": "there are none here",
}
"""What can be left in the file, and why nothing follows from it."""

PROXY_BY_HTTP = {"static_headers": "static_http_headers", "status_to_code_transforms": None}
"""What a back end's `http` has that stands beside the rest here, and its name where it has another."""


def said_of(table: Mapping[str, str], name: str) -> str | None:
    """What is said of an option, or of the table around it."""
    return table.get(_nearest(table, name))


def _nearest(names: Container[str], name: str) -> str:
    """The option itself, or the closest table around it, that is among these; empty: none is."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


LISTS = ("proxies", "consumers", "rpc.namespaces", "secrets")
"""Options whose own names are given by whoever writes them."""

WHOLE = frozenset(".".join(keys) for keys in PASSED)
"""The names of the tables that stand here as they stand there."""

_ALL = {*APPLIED, *REFUSED, *WITHOUT_EFFECT, *NAMES, *WHOLE}

TABLES = frozenset(name[:end] for name in _ALL for end, letter in enumerate(name) if letter == ".")

OPTIONS = frozenset(_ALL - TABLES)
"""The name of each option, and those of WHOLE."""


def is_known(name: str) -> bool:
    """Is this an option, a table of them, or a name within an option that is an object of any names?"""
    return name in TABLES or bool(_nearest(OPTIONS, name))


def passed(keys: Keys) -> tuple[Keys, Passed] | None:
    """The table that an option is part of and that stands here as it stands there."""
    for source, table in PASSED.items():
        if keys[: len(source)] == source:
            return source, table
    return None

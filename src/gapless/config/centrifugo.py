"""Centrifugo's own configuration file (version 6), as settings of this server.

Each option is applied, refused, or named as one that does nothing here. A file is taken for
Centrifugo's when it is JSON or YAML, or when its name begins with `centrifugo`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError
from .file import Keys, TomlFile, closest
from .placed import read_json, read_yaml
from .values import seconds

PORT = 8000
"""Where Centrifugo listens unless it is told otherwise."""


class Translated(NamedTuple):
    """The file as this server would have it, with the lines that things stand on in the original."""

    document: TomlFile
    problems: list[str]
    """What cannot be applied, one line each."""
    notes: list[str]
    """What does nothing here, one line each."""


def is_centrifugos(path: Path) -> bool:
    """Is this a file of Centrifugo's rather than one of our own?"""
    return path.suffix in (".json", ".yaml", ".yml") or path.stem.startswith("centrifugo")


def read(path: Path) -> Translated:
    """Raises ConfigError: the file cannot be read, or is not what its name says."""
    if path.suffix in (".json", ".yaml", ".yml"):
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; check --config") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{path} is not UTF-8 text; save it as such") from None
        return translate((read_json if path.suffix == ".json" else read_yaml)(path, text))
    return translate(TomlFile.load(path))


def notes(path: Path) -> list[str]:
    """What in the file does nothing here; of a file of our own nothing is said. Raises ConfigError."""
    return read(path).notes if is_centrifugos(path) else []


def translate(original: TomlFile) -> Translated:
    """The same in this server's words."""
    found = Translated(TomlFile(original.path, {}, {}), [], [])
    _put(found, original, ("http_server", "port"), ("port",), PORT)
    for keys, value in _options(original.data, ()):
        name = ".".join(keys)
        where = original.where(*keys)
        if name in APPLIED:
            target, convert = APPLIED[name]
            try:
                _put(found, original, keys, target, convert(value))
            except ValueError as error:
                found.problems.append(f"{where}: {name}: {error}")
        elif (passed := _passed(keys)) is not None:
            _put(found, original, keys, passed, _proxy(value) if passed[0] == "proxy" else value)
        elif (why := _said_of(REFUSED, name)) is not None:
            if value:
                found.problems.append(f"{where}: {name}: {why}")
        elif (why := _said_of(WITHOUT_EFFECT, name)) is not None:
            if value not in (False, None, "", 0):
                found.notes.append(f"{where}: {name} does nothing here: {why}")
        else:
            found.problems.append(f"{where}: there is no option {name!r}{closest(name, APPLIED)}")
    _finish(found)
    return found


def _options(table: Mapping[str, Any], path: Keys) -> Iterator[tuple[Keys, Any]]:
    """The options of a table and those inside it; what is handed on as a whole stays whole."""
    for key, value in table.items():
        keys = (*path, str(key))
        if isinstance(value, Mapping) and value and ".".join(keys) not in WHOLE:
            yield from _options(value, keys)
        else:
            yield keys, value


def _put(found: Translated, original: TomlFile, source: Keys, target: Keys, value: Any) -> None:
    table = found.document.data
    for key in target[:-1]:
        table = table.setdefault(key, {})
    table[target[-1]] = value
    for known, line in original.lines.items():
        if known[: len(source)] == source:
            found.document.lines[target + known[len(source) :]] = line
    for end in range(1, len(target)):
        found.document.lines.setdefault(target[:end], original.lines.get(source, 1))


def _passed(keys: Keys) -> Keys | None:
    """Where an option goes that has the same name here."""
    for source, target in PASSED.items():
        if keys[: len(source)] == source:
            return target + keys[len(source) :]
    return None


def _said_of(table: Mapping[str, str], name: str) -> str | None:
    """What is said of an option, or of the table around it."""
    while name:
        if name in table:
            return table[name]
        name = name.rpartition(".")[0]
    return None


def _finish(found: Translated) -> None:
    """What several options say together."""
    data = found.document.data
    redis = data.pop("engine_redis", None)
    engine = data.pop("engine", "memory")
    if engine == "redis":
        data["store"] = redis or "redis://127.0.0.1:6379"
    elif engine != "memory":
        found.problems.append(f"{found.document.path}: engine {engine!r}: there are memory and redis")
    api_is_open = data.pop("api_is_open", False)
    if api_is_open:
        data["token"], data["insecure"] = None, True
    if data.get("token") is None:
        data.pop("token", None)
    if "host" not in data and (data.get("token") or api_is_open) and not data.get("dev"):
        data["host"] = "0.0.0.0"  # noqa: S104 - as Centrifugo does


def _proxy(table: Any) -> Any:
    """What it has of `http` stands beside the rest here."""
    if not isinstance(table, dict) or not isinstance(table.get("http"), dict):
        return table
    inner = dict(table["http"])
    if "static_headers" in inner:
        inner["static_http_headers"] = inner.pop("static_headers")
    return {name: value for name, value in table.items() if name != "http"} | inner


def _same(value: Any) -> Any:
    return value


def _whole(value: Any) -> int:
    return int(value)


def _bound(value: Any) -> int | None:
    return int(value) or None


def _span(value: Any) -> Any:
    return seconds(value)


def _address(value: Any) -> str:
    first = str(value[0] if isinstance(value, list) and value else value)
    return first if "://" in first else f"redis://{first}"


Convert = Callable[[Any], Any]

APPLIED: dict[str, tuple[Keys, Convert]] = {
    "http_server.address": (("host",), _same),
    "http_server.port": (("port",), _whole),
    "http_api.key": (("token",), _same),
    "http_api.insecure": (("api_is_open",), _same),
    "client.allowed_origins": (("origins",), _same),
    "client.insecure": (("client", "insecure"), _same),
    "client.ping_interval": (("limits", "ping_interval"), _span),
    "client.pong_timeout": (("limits", "pong_timeout"), _span),
    "client.stale_close_delay": (("limits", "connect_timeout"), _span),
    "client.expired_close_delay": (("limits", "expiry_grace"), _span),
    "client.channel_limit": (("limits", "subscriptions"), _whole),
    "client.connection_limit": (("limits", "connections"), _bound),
    "client.user_connection_limit": (("limits", "user_connections"), _bound),
    "client.history_max_publication_limit": (("limits", "history_publications"), _whole),
    "client.user_personal_channel.enabled": (("client", "user_personal_channel", "enabled"), _same),
    "client.user_personal_channel.personal_channel_namespace": (
        ("client", "user_personal_channel", "namespace"),
        _same,
    ),
    "client.allow_anonymous_connect_without_token": (
        ("client", "allow_anonymous_connect_without_token"),
        _same,
    ),
    "client.disallow_anonymous_connection_tokens": (
        ("client", "disallow_anonymous_connection_tokens"),
        _same,
    ),
    "websocket.message_size_limit": (("limits", "message_bytes"), _whole),
    "channel.max_length": (("limits", "channel_bytes"), _whole),
    "engine.type": (("engine",), _same),
    "engine.redis.address": (("engine_redis",), _address),
}
"""Options under another name here, with what makes of their values what is meant here."""

PASSED: dict[Keys, Keys] = {
    ("client", "token"): ("client", "token"),
    ("client", "subscription_token"): ("client", "subscription_token"),
    ("client", "proxy", "connect"): ("proxy", "connect"),
    ("client", "proxy", "refresh"): ("proxy", "refresh"),
    ("channel", "proxy", "subscribe"): ("proxy", "subscribe"),
    ("channel", "proxy", "publish"): ("proxy", "publish"),
    ("channel", "proxy", "sub_refresh"): ("proxy", "sub_refresh"),
    ("rpc", "proxy"): ("proxy", "rpc"),
    ("channel", "without_namespace"): ("channel", "without_namespace"),
    ("channel", "namespaces"): ("channel", "namespaces"),
    ("channel", "history_meta_ttl"): ("channel", "history_meta_ttl"),
    ("channel", "namespace_boundary"): ("channel", "namespace_boundary"),
    ("channel", "private_prefix"): ("channel", "private_prefix"),
    ("channel", "user_boundary"): ("channel", "user_boundary"),
    ("channel", "user_separator"): ("channel", "user_separator"),
}
"""Tables and options that stand here as they stand there."""

WHOLE = {"channel.without_namespace", "channel.namespaces", *(".".join(keys) for keys in PASSED)}

REFUSED = {
    "client.user_personal_channel.single_connection": "a user's other connections go on here; remove it",
    "http_server.tls": "end TLS in a proxy before this server",
    "http_server.tls_autocert": "end TLS in a proxy before this server",
    "http_server.http3": "there is no HTTP/3 here; remove it",
    "websocket.disabled": "it cannot be switched off here; remove it",
    "grpc_api.enabled": "there is no gRPC here; use the HTTP API",
    "uni_grpc.enabled": "there is no gRPC here; use uni_http_stream",
    "webtransport.enabled": "there is no WebTransport here; remove it",
    "broker": "NATS and separate brokers are not there; set engine.type",
    "presence_manager": "presence is kept where the histories are; remove it",
    "consumers": "there are no consumers; publish by the HTTP API",
    "channel.proxy.subscribe_stream": "back ends do not stream here; remove it",
    "engine.redis": "only engine.redis.address is read; write the rest into it, as redis://USER:PASSWORD@HOST/DB",
    "subscription": "shared polls and maps are not there; remove it",
    "secrets": "give secrets in the environment, as GAPLESS_…",
}
"""What would change how it works, and cannot be had."""

WITHOUT_EFFECT = {
    "admin": "the page at / asks for http_api.key",
    "client.expired_sub_close_delay": "client.expired_close_delay is for subscriptions too",
    "client.queue_max_size": "there is no queue per client: a slow one reads on from the log",
    "client": "it is one of Centrifugo's own workings",
    "channel": "it is one of Centrifugo's own workings",
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
    "grpc_api": "there is no gRPC here",
    "uni_grpc": "there is no gRPC here",
    "webtransport": "there is no WebTransport here",
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
}
"""What can be left in the file, and why nothing follows from it."""

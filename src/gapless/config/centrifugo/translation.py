"""A configuration of Centrifugo's (version 6), as settings of this server.

Each option is applied, refused, or named as one that does nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..channel import NamespaceSection
from ..client import SubscriptionTokenSection, TokenSection
from ..formats import Document, Keys, closest
from ..proxy import BY_CHANNEL
from .environment import lay_over
from .options import (
    APPLIED,
    DEFAULTS,
    MAP_KINDS,
    NAMESPACES,
    OFF,
    OPTIONS,
    PASSED,
    PORT,
    PROXY_BY_HTTP,
    REFUSED,
    WHOLE,
    WITHOUT_EFFECT,
    is_known,
    passed,
    said_of,
)

_TOKENS = (TokenSection, SubscriptionTokenSection)


class Translated(NamedTuple):
    """A configuration as this server would have it, with the places of things in the original."""

    document: Document
    problems: list[str]
    """What cannot be applied, one line each."""
    notes: list[str]
    """What does nothing here, one line each."""


def translate(original: Document, *, dev: bool = False) -> Translated:
    """The same in this server's words. With `dev` what would be refused is left out, and noted."""
    translation = _Translation(original, dev)
    for keys, value in _options(original.data, ()):
        translation.take(keys, value)
    return translation.done()


def _options(table: Mapping[str, Any], path: Keys) -> Iterator[tuple[Keys, Any]]:
    """The options of a table and those inside it; what is handed on as a whole stays whole."""
    for key, value in table.items():
        keys = (*path, str(key))
        if isinstance(value, Mapping) and value and ".".join(keys) not in WHOLE:
            yield from _options(value, keys)
        else:
            yield keys, value


class _Translation:
    """One configuration on its way from those words into these."""

    def __init__(self, original: Document, dev: bool) -> None:
        self._original = original
        self._dev = dev
        self._found = Translated(Document(original.path, {}, {}), [], [])
        self._put(("http_server", "port"), ("port",), PORT)

    def take(self, keys: Keys, value: Any) -> None:
        """Apply one option, or say why not."""
        name = ".".join(keys)
        if name in APPLIED:
            self._apply(keys, value)
        elif (table := passed(keys)) is not None:
            self._put(keys, table[1].target + keys[len(table[0]) :], self._meant(keys, value))
        elif not is_known(name):
            said = f"there is no option {name!r}{closest(name, OPTIONS)}"
            self._found.problems.append(f"{self._original.where(*keys)}: {said}")
        elif value in OFF or value == DEFAULTS.get(name):
            pass  # it switches nothing on
        elif (why := said_of(REFUSED, name)) is not None:
            self._refuse(keys, name, why)
        else:
            self._note(keys, f"{name} does nothing here: {said_of(WITHOUT_EFFECT, name)}")

    def done(self) -> Translated:
        """What several options say together."""
        data = self._found.document.data
        redis = data.pop("engine_redis", None)
        engine = data.pop("engine", "memory")
        if engine == "redis":
            data["store"] = redis or "redis://127.0.0.1:6379"
        elif engine != "memory":
            where = self._original.where("engine", "type")
            self._found.problems.append(f"{where}: engine.type {engine!r}: there are memory and redis")
        api_is_open = data.pop("api_is_open", False)
        if api_is_open:
            data["token"], data["insecure"] = None, True
        if not data.get("token"):
            data.pop("token", None)
        if not data.get("host"):
            data.pop("host", None)
            if (data.get("token") or api_is_open) and not self._dev:
                data["host"] = "0.0.0.0"  # noqa: S104 - as Centrifugo does
        self._set_data_format(data.pop("data_format", ""))
        self._drop_back_ends_that_nobody_asks(rpc=data.pop("rpc_is_asked", False))
        return self._found

    def _apply(self, keys: Keys, value: Any) -> None:
        target, convert = APPLIED[".".join(keys)]
        try:
            self._put(keys, target, convert(value))
        except (TypeError, ValueError) as error:
            self._found.problems.append(f"{self._original.where(*keys)}: {'.'.join(keys)}: {error}")

    def _put(self, source: Keys, target: Keys, value: Any) -> None:
        document, original = self._found.document, self._original
        table = document.data
        for key in target[:-1]:
            table = table.setdefault(key, {})
        table[target[-1]] = value
        for known, place in original.places.items():
            if known[: len(source)] == source:
                document.places[target + known[len(source) :]] = place
        for end in range(1, len(target)):
            document.places.setdefault(target[:end], original.where(*source))

    def _refuse(self, keys: Keys, what: str, why: str) -> None:
        if self._dev:
            self._note(keys, f"{what} is left out: {why}")
        else:
            self._found.problems.append(f"{self._original.where(*keys)}: {what}: {why}")

    def _note(self, keys: Keys, said: str) -> None:
        self._found.notes.append(f"{self._original.where(*keys)}: {said}")

    # -- tables that stand here as they stand there, but for what is at its default

    def _meant(self, keys: Keys, value: Any) -> Any:
        """The value of a table, without what says nothing or cannot be had."""
        if keys == NAMESPACES and isinstance(value, list):
            return [self._namespace((*keys, str(at)), each) for at, each in enumerate(value)]
        table = PASSED[keys]  # which is handed on as a whole, and so comes as a whole
        if not isinstance(value, dict) or table.section is None:
            return value
        if table.section is NamespaceSection:
            return self._namespace(keys, value)
        if table.section in _TOKENS:
            return self._token(keys, value)
        return self._back_end(keys, value)

    def _token(self, keys: Keys, value: dict[str, Any]) -> dict[str, Any]:
        skipped = "insecure_skip_jwks_endpoint_safety_check"
        if value.get(skipped):
            self._note((*keys, skipped), f"{skipped} does nothing here: there is no such check")
        return {name: each for name, each in value.items() if name != skipped and each not in OFF}

    def _namespace(self, keys: Keys, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kind = value.get("subscription_type")
        if kind in MAP_KINDS and self._dev:
            said = f"nobody may subscribe to the channels of {value.get('name', 'no namespace')!r}"
            self._note(
                (*keys, "subscription_type"), f"{said}: subscriptions of the kind {kind} are not there"
            )
            return {name: each for name, each in value.items() if name == "name"}
        return {name: each for name, each in value.items() if not _says_nothing(name, each)}

    def _back_end(self, keys: Keys, value: dict[str, Any]) -> dict[str, Any]:
        found = {name: each for name, each in value.items() if name not in ("http", "grpc", "grpc_metadata")}
        for name in ("grpc", "grpc_metadata"):
            if _is_set(value.get(name)):
                self._refuse((*keys, name), ".".join((*keys, name)), "back ends are asked by HTTP only")
        inner = value.get("http")
        for name, each in inner.items() if isinstance(inner, dict) else ():
            if name in PROXY_BY_HTTP:
                found[PROXY_BY_HTTP[name] or name] = each
            elif _is_set(each):
                path = (*keys, "http", name)
                self._refuse(path, ".".join(path), "TLS to back ends is as the system has it; remove it")
        if keys[:2] == ("client", "proxy"):
            found.setdefault("enabled", False)
        return found

    def _tables(self) -> list[dict[str, Any]]:
        """The options of each namespace. There channels without one are always there, and closed."""
        channel = self._found.document.data.setdefault("channel", {})
        tables = [channel.setdefault("without_namespace", {}), *(channel.get("namespaces") or ())]
        return [table for table in tables if isinstance(table, dict)]

    def _set_data_format(self, data_format: str) -> None:
        for table in self._tables() if data_format else ():
            table.setdefault("publication_data_format", data_format)

    def _drop_back_ends_that_nobody_asks(self, *, rpc: bool) -> None:
        """There a back end of channels or calls waits to be switched on; here it would be asked about all."""
        proxy = self._found.document.data.get("proxy", {})
        tables = self._tables()
        asked = {kind: any(table.get(f"{kind}_proxy_enabled") for table in tables) for kind in BY_CHANNEL}
        for kind, is_asked in (asked | {"rpc": rpc}).items():
            if kind not in proxy or is_asked:
                continue
            source = ("rpc", "proxy") if kind == "rpc" else ("channel", "proxy", kind)
            if proxy.pop(kind).get("endpoint"):
                self._note(source, f"{'.'.join(source)} does nothing here: no namespace switches it on")


def _says_nothing(name: str, value: Any) -> bool:
    """An option of a namespace that is not there, or has no zero, at the value that it has anyway."""
    if name == "history_meta_ttl":
        return value in OFF
    if name in NamespaceSection.model_fields:
        return False
    standard = "stream" if name == "subscription_type" else "default" if name.endswith("_name") else ""
    return not _is_set(value) or value == standard


def _is_set(value: Any) -> bool:
    """Does a value, or anything inside it, switch something on?"""
    if isinstance(value, Mapping):
        return any(
            _is_set(each) and not (name.endswith("_name") and each == "default")
            for name, each in value.items()
        )
    return value not in OFF


def is_centrifugos(path: Path) -> bool:
    """Is this a file of Centrifugo's rather than one of our own? JSON, YAML and `centrifugo….toml` are."""
    return path.suffix in (".json", ".yaml", ".yml") or path.stem.startswith("centrifugo")


def read(path: Path, environment: Mapping[str, str], *, dev: bool = False) -> Translated:
    """The file, with the variables `CENTRIFUGO_…` of the environment over it, as Centrifugo has them.

    With `dev` what would be refused is left out, and noted.

    Raises:
        ConfigError: the file cannot be read, or is not what its name says.
    """
    document, notes = lay_over(Document.load(path), environment)
    translated = translate(document, dev=dev)
    return translated._replace(notes=translated.notes + notes)

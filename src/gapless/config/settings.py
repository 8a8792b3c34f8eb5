"""What `gapless serve` is told: by flags, by the environment, by a TOML file; the earlier wins."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from ..auth.namespaces import personal_channel
from ..brokers.url import broker_from
from ..core.patterns import Pattern, PatternMap
from ..errors import ConfigError
from ..options import ChannelOptions, Limits, MiB
from ..serving import check_proxy
from .board import BoardSection
from .centrifugo.environment import unread
from .centrifugo.translation import is_centrifugos
from .centrifugo.translation import read as read_centrifugos
from .channel import ChannelSection
from .client import ClientSection, anchored
from .effective import Origin, effective, origins
from .formats import Document, closest
from .proxy import ProxiesSection
from .values import Problem, Section, described

ENVIRONMENT = "GAPLESS_"

SECTIONS: dict[str, type[Section]] = {
    "client": ClientSection,
    "proxy": ProxiesSection,
    "channel": ChannelSection,
    "board": BoardSection,
}

ELSEWHERE = {
    "http_server": "write host and port at the top of the file",
    "address": "write host = …",
    "http_api": "write token = …, the credential of publishers",
    "admin": "the page at / asks for token; remove it",
    "engine": "write store = …",
    "broker": "write store = …",
    "rpc": "write [proxy.rpc]",
    "allowed_origins": "write origins = […]",
}
"""Where options of Centrifugo's configuration are in this one."""

EVERYTHING = {
    "*": ChannelOptions(
        history=100_000,
        history_bytes=64 * MiB,
        history_age=86_400.0,
        client_publish=False,
        presence=True,
    )
}
"""What a server without configuration keeps: enough that a page opened in the morning shows the night."""

_Options = TypeVar("_Options", ChannelOptions, Limits)


def options(kind: type[_Options], table: object, where: str) -> _Options:
    """Options from a table of names and values. Raises ConfigError naming the one that is wrong.

    A value may be text, as the environment has it; it is then read as the number or truth it says.
    """
    if isinstance(table, kind):
        return table
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} is a table of options, not {table!r}")
    known = {option.name: str(option.type) for option in fields(kind)}
    for name in table:
        if name not in known:
            raise ConfigError(f"{where} has no option {name!r}{closest(str(name), known)}")
    values: dict[str, Any] = {name: _read_text(value) for name, value in table.items()}
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _read_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value.lower())
    except ValueError:
        return value


def _limits(value: object) -> Limits:
    return options(Limits, value, "[limits]")


def _channels(value: object) -> dict[str, ChannelOptions]:
    if not isinstance(value, Mapping):
        raise ConfigError(f'channels is a table for each pattern, as [channels."orders:*"], not {value!r}')
    for pattern in value:
        Pattern(str(pattern))
    return {
        str(pattern): options(ChannelOptions, table, f'[channels."{pattern}"]')
        for pattern, table in value.items()
    }


def _names(value: object) -> object:
    """A list, or as the environment has it: names separated by commas."""
    if isinstance(value, str):
        return tuple(name for name in (part.strip() for part in value.split(",")) if name)
    return tuple(value) if isinstance(value, list) else value


def _store(url: str) -> str:
    broker_from(url, Limits())  # which opens nothing, and says what is wrong with the URL
    return url


def _proxies(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(check_proxy, names))


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]


class Settings(BaseModel):
    """Everything `gapless serve` can be told, with what it does when it is told nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65_535)
    store: Annotated[str, AfterValidator(_store)] = "memory://"
    workers: int = Field(default=1, ge=1, le=256)
    token: str | None = Field(default=None, repr=False)
    origins: Names = ()
    feeds: Names = ()
    default_channels: Names = ()
    trusted_proxies: Annotated[Names, AfterValidator(_proxies)] = ()
    insecure: bool = False
    old_api_clients: bool = False
    dev: bool = False
    ws: str = "gapless.transports.uvicorn:WebSocketProtocol"
    limits: Annotated[Limits, BeforeValidator(_limits)] = Limits()
    channels: Annotated[dict[str, ChannelOptions], BeforeValidator(_channels)] = EVERYTHING
    """By pattern. With `[channel]`, those of its namespaces are among them, and `EVERYTHING` is not."""
    client: ClientSection = ClientSection()
    proxy: ProxiesSection = ProxiesSection()
    channel: ChannelSection | None = None
    board: BoardSection = BoardSection()
    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """Whoever said it, what was said counts."""
        return isinstance(other, Settings) and dict(self) == dict(other)

    def effective(self) -> dict[str, tuple[Any, Origin]]:
        """What is in effect, with who said it; what is secret is not told."""
        return effective(dict(self), self._origins)


def load(file: Path | None = None, *, note: Callable[[str], None] | None = None, **flags: Any) -> Settings:
    """Settings from flags over the environment over the file. Flags that are None were not given.

    What the file and `CENTRIFUGO_…` variables say and does nothing here is told `note`, line by line,
    once everything else is sound.

    Raises:
        ConfigError: one line for each thing that is wrong, with its place and the fix.
    """
    document, problems, notes = _document(file, dev=_is_development(flags))
    from_file: dict[str, Any] = {}
    if document is not None:
        from_file, unsound = _sound(document)
        problems = problems + unsound

    class Layers(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=ENVIRONMENT, env_nested_delimiter="__")

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=from_file)

    try:
        layers = Layers(**{name: value for name, value in flags.items() if value is not None})
        if document is None or SECTIONS.keys() & document.data.keys() <= from_file.keys():
            problems += (_placed(document, problem) for problem in _contradictions(layers))
        if problems:
            raise ConfigError("\n".join(problems))
        settings = _settings(layers)
        settings._origins = origins(Settings.model_fields, flags, os.environ, from_file, ENVIRONMENT)
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        name = named[1].upper() if named is not None else "…"
        raise ConfigError(f"{ENVIRONMENT}{name}: in the environment this has to be JSON") from None
    except ValidationError as invalid:
        lines = [_invalid(_source(error["loc"], flags), error) for error in invalid.errors()]
        raise ConfigError("\n".join([*problems, *lines])) from None
    if note is not None:
        for line in notes:
            note(line)
    return settings


def place_of(file: Path, options: Iterable[str]) -> str:
    """Where a file that was read before says the first of these that it says; else the file."""
    document = _document(file).document
    said = (document.where(name) for name in options if name in document.data) if document is not None else ()
    return next(iter(said), str(file))


class _Told(NamedTuple):
    """A file as this server would have it, what in it cannot be applied, and what does nothing here."""

    document: Document | None
    problems: list[str]
    notes: list[str]


def _document(file: Path | None, *, dev: bool = False) -> _Told:
    """Raises ConfigError: the file cannot be read."""
    if file is not None and is_centrifugos(file):
        return _Told(*read_centrifugos(file, os.environ, dev=dev))
    ignored = unread(os.environ)
    notes = (
        [f"{', '.join(ignored)}: read with --config centrifugo.json only; {{}} will do"] if ignored else []
    )
    return _Told(Document.load(file) if file is not None else None, [], notes)


def _is_development(flags: Mapping[str, Any]) -> bool:
    said = flags.get("dev")
    if said is None:
        said = _read_text(os.environ.get(f"{ENVIRONMENT}DEV", "false"))
    return said is True or said == 1


def _settings(layers: Settings) -> Settings:
    values = dict(layers)
    if layers.channel is not None:
        values["channels"] = layers.channel.patterns() | _own_channels(layers)
    return Settings(**values)


def _contradictions(layers: Settings) -> Iterator[Problem]:
    """What each option for itself can be, and all of them together cannot."""
    channel, personal = layers.channel, layers.client.personal_namespace
    yield from layers.client.problems(dev=layers.dev)
    yield from layers.proxy.problems()
    yield from layers.board.problems()
    if channel is not None:
        yield from channel.problems(layers.proxy, personal, _own_channels(layers))
    elif personal is not None and PatternMap(layers.channels).find(personal_channel("1", personal)) is None:
        yield (
            ("client", "user_personal_channel", "enabled"),
            f"no pattern of [channels] matches personal channels as {personal_channel('1', personal)!r}",
        )


def _own_channels(layers: Settings) -> dict[str, ChannelOptions]:
    """Those that somebody wrote down."""
    return layers.channels if "channels" in layers.model_fields_set else {}


def _placed(document: Document | None, problem: Problem) -> str:
    """The line about a problem: where in the file, or which variable of the environment."""
    keys, said = problem
    if document is not None and any(keys[:end] in document.places for end in range(2, len(keys) + 1)):
        return f"{document.where(*keys)}: {said}"
    return f"{ENVIRONMENT}{'__'.join(keys).upper()}: {said}"


def _sound(document: Document) -> tuple[dict[str, Any], list[str]]:
    """What of the file can be read, and one line for each key that is unknown or whose value cannot be."""
    sound: dict[str, Any] = {}
    lines: list[str] = []
    for name, value in document.data.items():
        found = list(_problems(document, name, value))
        lines += found
        if not found:
            sound[name] = anchored(value, document.path.parent) if name == "client" else value
    return sound, lines


def _problems(document: Document, name: str, value: object) -> Iterator[str]:
    """What the file says wrong under one name."""
    if name not in Settings.model_fields:
        hint = f": {ELSEWHERE[name]}" if name in ELSEWHERE else closest(name, Settings.model_fields)
        yield f"{document.where(name)}: there is no option {name!r}{hint}"
    elif name == "limits":
        yield from _table_problems(document, Limits, value, (name,))
    elif name == "channels" and isinstance(value, dict):
        for pattern, table in value.items():
            yield from _pattern_problems(document, pattern)
            yield from _table_problems(document, ChannelOptions, table, (name, pattern))
    elif name in SECTIONS:
        yield from _section_problems(document, name, value)
    else:
        yield from _field_problems(document, name, value)


def _section_problems(document: Document, name: str, value: object) -> Iterator[str]:
    section = SECTIONS[name]
    try:
        section.model_validate(value, strict=True)
    except ValidationError as invalid:
        for error in invalid.errors():
            keys, said = described(section, (name,), error)
            yield f"{document.where(*keys)}: {said}"


def _field_problems(document: Document, name: str, value: object) -> Iterator[str]:
    try:
        Settings.model_validate({name: value}, strict=True)
    except ValidationError as invalid:
        yield _invalid(f"{document.where(name)}: {name}", invalid.errors()[0])
    except ConfigError as error:
        yield f"{document.where(name)}: {error}"


def _pattern_problems(document: Document, pattern: str) -> Iterator[str]:
    try:
        Pattern(pattern)
    except ConfigError as error:
        yield f"{document.where('channels', pattern)}: {error}"


def _table_problems(
    document: Document, kind: type[ChannelOptions] | type[Limits], table: object, keys: tuple[str, ...]
) -> Iterator[str]:
    """What one table says wrong, each on its line. The errors of options begin with the option's name."""
    if not isinstance(table, dict):
        yield f"{document.where(*keys)}: [{'.'.join(keys)}] is a table of options, not {table!r}"
        return
    known = {option.name for option in fields(kind)}
    for name in (name for name in table if name not in known):
        yield f"{document.where(*keys, name)}: there is no option {name!r} here{closest(name, known)}"
    values = {name: value for name, value in table.items() if name in known}
    while True:
        try:
            kind(**values)
        except ConfigError as error:
            name = str(error).split()[0]
            yield f"{document.where(*keys, name)}: {error}"
            if values.pop(name, None) is None:
                return
        else:
            return


def _invalid(place: str, error: ErrorDetails) -> str:
    message = error["msg"][:1].lower() + error["msg"][1:]
    shown = "" if re.search("token|secret|header", place, re.IGNORECASE) else f", not {error['input']!r}"
    return f"{place}: {message}{shown}"


def _source(place: tuple[int | str, ...], flags: Mapping[str, Any]) -> str:
    """Who said it: the flag if one was given, else the environment; the file was checked before."""
    name = str(place[0]) if place else ""
    if flags.get(name) is not None:
        return f"--{name.replace('_', '-')}"
    return f"{ENVIRONMENT}{'__'.join(part for part in place if isinstance(part, str)).upper()}"

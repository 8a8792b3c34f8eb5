"""`[proxy.…]`: the back ends that decide, one table for each kind of decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from ..core.patterns import Pattern
from ..errors import ConfigError
from ..proxy.proxy import Endpoint, Proxies, StatusRule
from .values import Problem, Seconds, Section, Words

KINDS = ("connect", "refresh", "subscribe", "publish", "sub_refresh", "rpc")
BY_CHANNEL = ("subscribe", "publish", "sub_refresh")
"""Those that a namespace of `[channel]` switches on for itself."""


class StatusSection(Section):
    """One of `status_to_code_transforms`."""

    status_code: int = Field(ge=100, le=599)
    to_error: dict[str, Any] | None = None
    to_disconnect: dict[str, Any] | None = None


class ProxySection(Section):
    """`[proxy.connect]` and so on. `patterns` are of channels, for rpc of methods; None: see `proxies`."""

    elsewhere: ClassVar[Mapping[str, str]] = {
        "http": "write static_http_headers and status_to_code_transforms without it",
        "static_headers": "write static_http_headers = …",
        "grpc_metadata": "Gapless asks by HTTP only; remove it",
        "grpc": "Gapless asks by HTTP only; remove it",
        "name": "each kind of decision has one back end; remove it",
    }

    enabled: bool = True
    endpoint: str = ""
    timeout: Seconds = 1.0
    http_headers: Words = ()
    emulated_headers: Words = ()
    static_http_headers: dict[str, str] = Field(default_factory=dict, repr=False)
    status_to_code_transforms: list[StatusSection] = Field(default_factory=list)
    binary_encoding: bool = False
    include_connection_meta: bool = False
    patterns: Words | None = None

    def to_endpoint(self, patterns: Sequence[str]) -> Endpoint:
        """Raises ConfigError for a value that cannot be."""
        for pattern in patterns:
            Pattern(pattern)
        return Endpoint(
            self.endpoint,
            timeout=self.timeout,
            http_headers=self.http_headers,
            emulated_headers=self.emulated_headers,
            static_http_headers=self.static_http_headers,
            status_to_code_transforms=[
                StatusRule(rule.status_code, rule.to_error, rule.to_disconnect)
                for rule in self.status_to_code_transforms
            ],
            binary_encoding=self.binary_encoding,
            include_connection_meta=self.include_connection_meta,
            patterns=patterns,
        )


class ProxiesSection(Section):
    """`[proxy]`."""

    connect: ProxySection | None = None
    refresh: ProxySection | None = None
    subscribe: ProxySection | None = None
    publish: ProxySection | None = None
    sub_refresh: ProxySection | None = None
    rpc: ProxySection | None = None

    def using(self, kind: str) -> ProxySection | None:
        """The table of this kind of decision, if it is there and switched on."""
        section: ProxySection | None = getattr(self, kind)
        return section if section is not None and section.enabled else None

    def proxies(self, switched_on: Mapping[str, Sequence[str]]) -> Proxies | None:
        """What `Proxy` takes; None where no back end decides.

        `switched_on` are the patterns of the channels whose namespaces want it, by kind. They are
        asked for, and those of `patterns`; where neither names any, all channels.
        """
        found: dict[str, Endpoint] = {}
        for kind in KINDS:
            section = self.using(kind)
            if section is not None:
                wanted = dict.fromkeys((*(section.patterns or ()), *switched_on.get(kind, ())))
                none_named = section.patterns is None and not wanted
                found[kind] = section.to_endpoint(("*",) if none_named else tuple(wanted))
        return Proxies(**found) if found else None

    def problems(self) -> Iterator[Problem]:
        """What cannot be used, or contradicts itself."""
        for kind in KINDS:
            section = self.using(kind)
            if section is None:
                continue
            path = ("proxy", kind)
            if not section.endpoint:
                yield path, f'the {kind} proxy has no endpoint: write endpoint = "http://…", or remove it'
                continue
            if section.patterns is not None and kind in ("connect", "refresh"):
                yield (*path, "patterns"), f"the {kind} proxy is about connections: remove patterns"
            try:
                section.to_endpoint(section.patterns or ())
            except ConfigError as error:
                name = _named(str(error))
                yield (*path, name) if name else path, str(error)


def _named(message: str) -> str:
    """The option that an error of `Endpoint` is about."""
    words = {"endpoint": "endpoint", "timeout": "timeout", "status": "status_to_code_transforms"}
    words |= {"pattern": "patterns", "header": "http_headers"}
    return next((option for word, option in words.items() if word in message), "")

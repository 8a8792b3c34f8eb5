"""`[channel]`: options of channels by namespace, under Centrifugo's names, as patterns of this hub.

A channel's namespace is what stands before its first `:`. A namespace becomes the patterns
`NAME:*` and `$NAME:*`, and channels without one `{channel}`, which is a single part: so a channel
of a namespace that is not declared matches nothing and is unknown (error 102).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from ..errors import ConfigError
from ..options import ChannelOptions
from .formats import Keys
from .proxy import BY_CHANNEL, ProxiesSection
from .values import Problem, Seconds, Section

_NAME = re.compile(r"[-a-zA-Z0-9_.]{2,}")
_DEFAULTS = ChannelOptions()
_NO_MAPS = "Gapless has no map subscriptions; remove it"
_OPEN_PERSONAL = "personal channels are open to other users here: set allow_user_limited_channels = true"
_NO_SHARED_POLL = "Gapless has no shared polls; remove it"


class NamespaceSection(Section):
    """`[channel.without_namespace]`, and with a name one of `[[channel.namespaces]]`."""

    elsewhere: ClassVar[Mapping[str, str]] = {
        "channel_regex": "Gapless does not restrict names within a namespace; remove it",
        "subscription_type": _NO_MAPS,
        "map": _NO_MAPS,
        "allow_map_publish_for_client": _NO_MAPS,
        "shared_poll": _NO_SHARED_POLL,
        "subscribe_stream_proxy_enabled": "Gapless has no streams from back ends; remove it",
        "subscribe_proxy_name": "there is one back end, [proxy.subscribe]; write "
        "subscribe_proxy_enabled = true",
        "publish_proxy_name": "there is one back end, [proxy.publish]; write publish_proxy_enabled = true",
        "sub_refresh_proxy_name": "there is one back end, [proxy.sub_refresh]; write "
        "sub_refresh_proxy_enabled = true",
        "history": "write history_size = …",
        "history_age": "write history_ttl = …",
        "recovery": "write force_recovery = true, or force_recovery_mode",
        "delta": 'write allowed_delta_types = ["fossil"]',
        "tags_filter": "write allow_tags_filter = …",
    }

    history_size: int = Field(default=0, ge=0)
    history_ttl: Seconds = 0.0
    history_meta_ttl: Seconds | None = None
    presence: bool = False
    join_leave: bool = False
    force_push_join_leave: bool = False
    allow_positioning: bool = False
    force_positioning: bool = False
    allow_recovery: bool | None = None
    force_recovery: bool | None = None
    force_recovery_mode: Literal["", "stream", "cache"] = ""
    auto_cache_recover: bool = False
    allowed_delta_types: list[Literal["fossil"]] = Field(default_factory=list)
    delta_publish: bool = False
    allow_tags_filter: bool = False
    allow_subscribe_for_client: bool = False
    allow_subscribe_for_anonymous: bool = False
    allow_publish_for_client: bool = False
    allow_publish_for_subscriber: bool = False
    allow_publish_for_anonymous: bool = False
    allow_history_for_client: bool = False
    allow_history_for_subscriber: bool = False
    allow_history_for_anonymous: bool = False
    allow_presence_for_client: bool = False
    allow_presence_for_subscriber: bool = False
    allow_presence_for_anonymous: bool = False
    allow_user_limited_channels: bool = False
    publication_data_format: Literal["", "json", "binary"] = ""
    subscribe_proxy_enabled: bool = False
    publish_proxy_enabled: bool = False
    sub_refresh_proxy_enabled: bool = False

    def options(self, idle_expiry: float | None = None) -> ChannelOptions:
        """The same in this hub's words; `idle_expiry` where this says no `history_meta_ttl`.

        Raises:
            ConfigError: a value that cannot be.
        """
        said = self.history_meta_ttl if self.history_meta_ttl is not None else idle_expiry
        # A subscribe proxy decides about everybody; the options must let everybody come to it.
        asked = self.subscribe_proxy_enabled
        return ChannelOptions(
            history=self.history_size,
            history_age=self.history_ttl or None,
            idle_expiry=_DEFAULTS.idle_expiry if said is None else said,
            presence=self.presence,
            join_leave=self.join_leave,
            force_push_join_leave=self.force_push_join_leave,
            recovery=self._recovery(),
            client_recovery=bool(self.force_recovery or self.allow_recovery),
            auto_cache_recover=self.auto_cache_recover,
            delta="fossil" in self.allowed_delta_types,
            delta_publish=self.delta_publish,
            tags_filter=self.allow_tags_filter,
            client_subscribe=self.allow_subscribe_for_client or asked,
            client_publish=self.allow_publish_for_client or self.allow_publish_for_subscriber,
            client_history=self.allow_history_for_client or self.allow_history_for_subscriber,
            client_presence=self.allow_presence_for_client or self.allow_presence_for_subscriber,
            outside_publish=self.allow_publish_for_client,
            outside_history=self.allow_history_for_client,
            outside_presence=self.allow_presence_for_client,
            anonymous=self.allow_subscribe_for_anonymous or asked,
            anonymous_publish=self.allow_publish_for_anonymous,
            anonymous_history=self.allow_history_for_anonymous,
            anonymous_presence=self.allow_presence_for_anonymous,
            user_limited=self.allow_user_limited_channels,
            any_bytes=self.publication_data_format != "json",
        )

    def _recovery(self) -> Literal["stream", "cache", "off"]:
        """Channels with history are recovered, unless the file says that they are not."""
        said = (self.force_recovery, self.allow_recovery)
        if True not in said and False in said:
            return "off"
        return self.force_recovery_mode or "stream"

    def problems(self, path: Keys, idle_expiry: float | None) -> Iterator[Problem]:
        """Options that do nothing, or contradict each other."""
        if not self.history_size:
            needing = ("history_ttl", "force_recovery", "force_positioning", "force_recovery_mode")
            for name in needing:
                if getattr(self, name):
                    yield (*path, name), f"{name} needs history_size above 0"
        elif self._recovery() == "off" and self.force_recovery_mode:
            yield (*path, "force_recovery_mode"), "force_recovery_mode needs force_recovery = true"
        if self.auto_cache_recover and self.force_recovery_mode != "cache":
            yield (*path, "auto_cache_recover"), 'auto_cache_recover needs force_recovery_mode = "cache"'
        if self.join_leave and not self.presence:
            yield (*path, "join_leave"), "join_leave needs presence = true"
        if self.force_push_join_leave and not self.join_leave:
            yield (*path, "force_push_join_leave"), "force_push_join_leave needs join_leave = true"
        if self.delta_publish and not self.allowed_delta_types:
            yield (*path, "delta_publish"), 'delta_publish needs allowed_delta_types = ["fossil"]'
        for verb, for_whom in (
            ("subscribe", ("client",)),
            ("publish", ("client", "subscriber")),
            ("history", ("client", "subscriber")),
            ("presence", ("client", "subscriber")),
        ):
            allowed = [f"allow_{verb}_for_{whom}" for whom in for_whom]
            name = f"allow_{verb}_for_anonymous"
            if getattr(self, name) and not any(getattr(self, option) for option in allowed):
                yield (*path, name), f"{name} says who, and nothing allows it: set {allowed[-1]} = true"
        try:
            self.options(idle_expiry)
        except ConfigError as error:
            if not (self.join_leave and not self.presence):
                yield (*path, "history_meta_ttl"), _renamed(str(error))


class NamedNamespaceSection(NamespaceSection):
    """One of `[[channel.namespaces]]`."""

    name: str


class ChannelSection(Section):
    """`[channel]`."""

    elsewhere: ClassVar[Mapping[str, str]] = {
        "max_length": "write channel_bytes in [limits]",
        "proxy": "write [proxy.subscribe], [proxy.publish] and [proxy.sub_refresh]",
    }

    history_meta_ttl: Seconds | None = None
    namespace_boundary: Literal[":"] = ":"
    private_prefix: Literal["$"] = "$"
    user_boundary: Literal["#"] = "#"
    user_separator: Literal[","] = ","
    without_namespace: NamespaceSection = NamespaceSection()
    namespaces: list[NamedNamespaceSection] = Field(default_factory=list)

    def _each(self) -> Iterator[tuple[Keys, str, NamespaceSection]]:
        yield ("channel", "without_namespace"), "", self.without_namespace
        for at, namespace in enumerate(self.namespaces):
            yield ("channel", "namespaces", str(at)), namespace.name, namespace

    def patterns(self) -> dict[str, ChannelOptions]:
        """The options of every namespace, by pattern. Raises ConfigError for what cannot be."""
        found: dict[str, ChannelOptions] = {}
        for _, name, namespace in self._each():
            options = namespace.options(self.history_meta_ttl)
            found |= dict.fromkeys(namespace_patterns(name), options)
            if options.user_limited:
                # Whoever is listed in a name may be there, also where others may not subscribe at all.
                limited = replace(options, client_subscribe=True)
                found |= dict.fromkeys(_limited_patterns(name), limited)
        return found

    def switched_on(self) -> dict[str, list[str]]:
        """The patterns of the channels that want a back end to decide, by kind of decision."""
        found: dict[str, list[str]] = {}
        for _, name, namespace in self._each():
            for kind in BY_CHANNEL:
                if getattr(namespace, f"{kind}_proxy_enabled"):
                    found.setdefault(kind, []).extend(namespace_patterns(name))
        return found

    def problems(
        self, proxies: ProxiesSection, personal: str | None, taken: Iterable[str]
    ) -> Iterator[Problem]:
        """What contradicts itself, `[proxy]`, where personal channels are, or the patterns `taken`."""
        seen: set[str] = set()
        taken = set(taken)
        for path, name, namespace in self._each():
            yield from namespace.problems(path, self.history_meta_ttl)
            if path[1] == "namespaces":
                yield from _name_problems(path, name, seen)
            if clash := sorted(taken.intersection(namespace_patterns(name))):
                yield (
                    path,
                    f'[channels."{clash[0]}"] sets options of these channels as well; remove one of both',
                )
            for kind in BY_CHANNEL:
                option = f"{kind}_proxy_enabled"
                if getattr(namespace, option) and proxies.using(kind) is None:
                    yield (*path, option), f"{option} needs [proxy.{kind}] with an endpoint"
            is_open = namespace.allow_subscribe_for_client and not namespace.allow_user_limited_channels
            if name == personal and is_open:
                yield (*path, "allow_subscribe_for_client"), _OPEN_PERSONAL
        if personal and personal not in seen:
            yield (
                ("client", "user_personal_channel", "namespace"),
                f"there is no namespace {personal!r}: add it as one of [[channel.namespaces]]",
            )


def namespace_patterns(name: str) -> tuple[str, ...]:
    """The patterns of a namespace's channels, or with "" of those without."""
    return (f"{name}:*", f"${name}:*") if name else ("{channel}",)


def _limited_patterns(name: str) -> tuple[str, ...]:
    """Those of its channels that list users."""
    return (f"{name}:*#*",) if name else ("#{users}", "{channel}#{users}")


def _name_problems(path: Keys, name: str, seen: set[str]) -> Iterator[Problem]:
    if _NAME.fullmatch(name) is None:
        yield (*path, "name"), f"a namespace's name is two or more of a-z A-Z 0-9 - _ . and not {name!r}"
    elif name in seen:
        yield (*path, "name"), f"there are two namespaces {name!r}; keep one"
    seen.add(name)


def _renamed(message: str) -> str:
    return message.replace("idle_expiry", "history_meta_ttl").replace("history_age", "history_ttl")

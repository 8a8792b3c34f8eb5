"""The registry of channels: which options a name has, and whether a channel can have that name."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.patterns import PatternMap
from ..errors import BadRequest, LimitExceeded
from ..options import ChannelOptions, Limits

_DEFAULT = ChannelOptions()


class Registry:
    """The declared patterns. The longest that matches a name gives the channel its options."""

    def __init__(self, channels: Mapping[str, ChannelOptions], limits: Limits) -> None:
        self._patterns = PatternMap(dict(channels))
        self._limits = limits
        self._resolved: dict[str, ChannelOptions | None] = {}
        self._good: set[str] = set()

    def declared(self, channel: str) -> ChannelOptions | None:
        """The options of a channel that clients may know, else None."""
        try:
            return self._resolved[channel]
        except KeyError:
            if len(self._resolved) >= self._limits.resolved_names:
                self._resolved.clear()
            options = self._resolved[channel] = self._patterns.find(channel)
            return options

    def options(self, channel: str) -> ChannelOptions:
        """The options of any channel: one that no pattern declares is the application's own."""
        return self.declared(channel) or _DEFAULT

    def check(self, channel: str) -> None:
        """Can a channel have this name?

        Raises:
            BadRequest: it is empty, or holds what cannot be shown (error 107).
            LimitExceeded: it is longer than `Limits.channel_bytes`.
        """
        if channel in self._good:
            return
        if not channel:
            raise BadRequest("a channel's name is empty")
        if not channel.isprintable():
            raise BadRequest("a channel's name holds control characters or text that is not valid")
        size = len(channel.encode("utf-8", "surrogatepass"))
        if size > self._limits.channel_bytes:
            raise LimitExceeded("bytes of a channel's name", self._limits.channel_bytes, size, code=107)
        if len(self._good) >= self._limits.resolved_names:
            self._good.clear()
        self._good.add(channel)

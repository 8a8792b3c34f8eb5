"""The registry of channels: which options a name has, and whether a channel can have that name."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping

from ..core.patterns import PatternMap
from ..errors import BadRequest, LimitExceeded, UnknownChannel
from ..options import ChannelOptions, Limits

log = logging.getLogger("gapless")

WARNINGS = 20
"""Undeclared channels that are logged; after that many it is no slip any more."""

_DEFAULT = ChannelOptions()

_NEVER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e\ud800-\udfff]")
"""What no name may hold: controls (Cc), ends of lines, overrides of the writing direction, surrogates.

Named here and not asked of Python, whose Unicode tables are another each year: a name that one node takes
all must take. Joiners, spaces and emoji of all kinds are names.
"""


class Registry:
    """The declared patterns. The longest that matches a name gives the channel its options."""

    def __init__(
        self, channels: Mapping[str, ChannelOptions], limits: Limits, *, strict: bool = False
    ) -> None:
        self._patterns = PatternMap(dict(channels))
        self._texts = tuple(channels)
        self._strict = strict
        self._expected: dict[str, ChannelOptions] = {}
        self._warned = 0
        self._limits = limits
        self._resolved: dict[str, ChannelOptions | None] = {}
        self.own: dict[str, ChannelOptions] = {}
        """What the hub publishes to itself: whoever may call the API may read it, and nobody else."""
        self._good: set[str] = set()

    def reserve(self, channel: str, options: ChannelOptions) -> None:
        """The hub publishes to this channel itself, and nobody else does."""
        self.own[channel] = options
        self._resolved.clear()

    def declared(self, channel: str) -> ChannelOptions | None:
        """The options of a channel that clients may know, else None."""
        try:
            return self._resolved[channel]
        except KeyError:
            if len(self._resolved) >= self._limits.resolved_names:
                self._resolved.clear()
            options = self.own.get(channel) or self._patterns.find(channel)
            self._resolved[channel] = options
            return options

    def options(self, channel: str) -> ChannelOptions:
        """The options of any channel: one that no pattern declares is the application's own."""
        return self.declared(channel) or _DEFAULT

    # -- publishing to what nobody may know

    def expected(self, channel: str) -> ChannelOptions | None:
        """The options of a channel that was published to before; None: it is to be checked and `expect`ed."""
        return self._expected.get(channel)

    def expect(self, channel: str, *, is_read: bool) -> ChannelOptions:
        """Something is published here for the first time; `is_read`: somebody in this process reads it.

        A channel that no pattern declares is the application's own: clients cannot subscribe to it. With
        nobody reading it either, its name is probably misspelt. That is logged once for each channel.

        Raises:
            UnknownChannel: that is so, and the hub is strict.
            BadRequest: the hub publishes there itself.
        """
        if channel in self.own:
            raise BadRequest(
                f"{channel} is what the hub says of itself; publish to a channel of another name"
            )
        if not is_read and self.declared(channel) is None:
            said = self._undeclared(channel)
            if self._strict:
                raise UnknownChannel(said)
            if self._warned < WARNINGS:
                self._warned += 1
                log.warning("%s", said)
        if len(self._expected) >= self._limits.resolved_names:
            self._expected.clear()
        options = self._expected[channel] = self.options(channel)
        return options

    def _undeclared(self, channel: str) -> str:
        near = difflib.get_close_matches(channel, self._texts, n=1, cutoff=0.0)
        nearest = f"the nearest declared pattern is {near[0]!r}" if near else "no pattern is declared"
        return (
            f"nobody gets what is published to {channel!r}: no pattern declares it for clients, and nobody "
            f"in this process reads it; {nearest} (Hub(channels={{{channel!r}: ChannelOptions()}}))"
        )

    def check(self, channel: str) -> None:
        """Can a channel have this name?

        Raises:
            BadRequest: it is empty, or holds one of the few characters that no name has (error 107).
            LimitExceeded: it is longer than `Limits.channel_bytes`.
        """
        if channel in self._good:
            return
        if not channel:
            raise BadRequest("a channel's name is empty")
        found = _NEVER.search(channel)
        if found is not None:
            what = f"U+{ord(found[0]):04X}"
            raise BadRequest(f"a channel's name holds control characters or text that is not valid: {what}")
        size = len(channel.encode("utf-8", "surrogatepass"))
        if size > self._limits.channel_bytes:
            raise LimitExceeded("bytes of a channel's name", self._limits.channel_bytes, size, code=107)
        if len(self._good) >= self._limits.resolved_names:
            self._good.clear()
        self._good.add(channel)

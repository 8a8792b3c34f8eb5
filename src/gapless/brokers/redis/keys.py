"""The names of all keys and notification channels: a prefix, a group, a kind, a channel.

Channels are spread over groups, and all keys of a group lie in one slot of a cluster, by its hash
tag: so that one script may touch the number, the stream and the generation of a channel together.
"""

from __future__ import annotations

from zlib import crc32

CLUSTER_GROUPS = 128
"""So many hash tags share a cluster's load; the least that can move from one server to another."""

STATE, STREAM, RECORD = "c", "s", "k"
MEMBERS, EXPIRIES, USERS = "m", "x", "u"


class Keys:
    """Key names under one prefix, in one group or many."""

    def __init__(self, prefix: str, groups: int) -> None:
        self.prefix = prefix
        self.groups = groups
        self._known: dict[str, tuple[int, tuple[str, str, str, str]]] = {}

    def group(self, channel: str) -> int:
        """Which group a channel belongs to, the same on every node."""
        return crc32(channel.encode("utf-8", "surrogatepass")) % self.groups if self.groups > 1 else 0

    def of(self, group: int, kind: str, channel: str = "") -> str:
        return f"{self.prefix}:{{{group}}}:{kind}:{channel}"

    def generation(self, group: int) -> str:
        """Which run of the server the group's data has come to."""
        return f"{self.prefix}:{{{group}}}:generation"

    def names(self, group: int) -> str:
        """The set of channels that have a stream."""
        return f"{self.prefix}:{{{group}}}:names"

    def due(self, group: int) -> str:
        """Channels with members, by when the first of them expires."""
        return f"{self.prefix}:{{{group}}}:due"

    def nodes(self) -> str:
        """What each living node said of itself, all in the first group."""
        return f"{self.prefix}:{{0}}:nodes"

    def counted(self, node: str = "") -> str:
        """How many connections of each user a node has, beside `nodes`."""
        return f"{self.prefix}:{{0}}:counted:{node}"

    def stored(self, channel: str) -> tuple[int, tuple[str, str, str, str]]:
        """The group of a channel; its state, stream, generation and names."""
        found = self._known.get(channel)
        if found is None:
            group = self.group(channel)
            keys = self.of(group, STATE, channel), self.of(group, STREAM, channel)
            found = group, (*keys, self.generation(group), self.names(group))
            if len(self._known) >= 10_000:
                self._known.clear()
            self._known[channel] = found
        return found

    def notifications(self, channel: str) -> str:
        """Where Redis notifies of a channel."""
        return f"{self.prefix}:{{{self.group(channel)}}}:n:{channel}"

    def messages(self, group: int, name: str) -> str:
        """Where nodes send each other what is no publication."""
        return f"{self.prefix}:{{{group}}}:node:{name}"

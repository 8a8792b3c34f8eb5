"""What is kept of what an audience was told, to be told again to who comes later."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable

from ..isolation.outgoing import Outgoing


class Kept:
    """The newest messages of each key: at most `size` of them and `max_bytes`, `total_bytes` for all keys.

    A key that was told something most recently keeps what it has longest.
    """

    def __init__(self, size: int, max_bytes: int, total_bytes: int) -> None:
        for name, value in (("size", size), ("max_bytes", max_bytes), ("total_bytes", total_bytes)):
            if value < 0:
                raise ValueError(f"{name} must be at least 0, not {value!r}")
        self._size = size
        self._max_bytes = max_bytes
        self._total_bytes = total_bytes
        self._keys: OrderedDict[Hashable, _Newest] = OrderedDict()
        self.bytes = 0
        """Of all that is kept."""
        self.revision = 0
        """Changes whenever something is added."""

    def add(self, key: Hashable, outgoing: Outgoing) -> None:
        """Keep one more; what is above a bound goes, oldest first."""
        if not self._size or outgoing.size > min(self._max_bytes, self._total_bytes):
            return
        self.revision += 1
        newest = self._keys.get(key)
        if newest is None:
            newest = self._keys[key] = _Newest()
        else:
            self._keys.move_to_end(key)
        self.bytes += newest.add(outgoing)
        while len(newest.messages) > self._size or newest.bytes > self._max_bytes:
            self.bytes -= newest.drop_oldest()
        while self.bytes > self._total_bytes:
            _, oldest = self._keys.popitem(last=False)
            self.bytes -= oldest.bytes

    def of(self, key: Hashable) -> list[Outgoing]:
        """What is kept of a key, oldest first."""
        newest = self._keys.get(key)
        return list(newest.messages) if newest is not None else []


class _Newest:
    """Of one key."""

    __slots__ = ("bytes", "messages")

    def __init__(self) -> None:
        self.messages: deque[Outgoing] = deque()
        self.bytes = 0

    def add(self, outgoing: Outgoing) -> int:
        self.messages.append(outgoing)
        self.bytes += outgoing.size
        return outgoing.size

    def drop_oldest(self) -> int:
        size = self.messages.popleft().size
        self.bytes -= size
        return size

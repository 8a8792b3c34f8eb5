"""Where records go: one publisher for each hub, shared by all that log to it, and never in anybody's way."""

from __future__ import annotations

import os
import socket
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

from ..client.outgoing import Overflow
from ..client.publisher import Publisher
from ..client.ways import Publishes

_shared: dict[tuple[str, str], Publisher] = {}
_of_hubs: weakref.WeakKeyDictionary[Publishes, Publisher] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def publisher_for(target: str | Publishes | None, token: str | None) -> Publisher:
    """The publisher of this hub: it drops the oldest rather than wait. Raises ConfigError."""
    with _lock:
        if target is None or isinstance(target, str):
            key = target or os.environ.get("GAPLESS_URL", ""), token or os.environ.get("GAPLESS_TOKEN", "")
            found = _shared.get(key)
            if found is None:
                found = _shared[key] = Publisher(key[0] or None, token=token, overflow=Overflow.DROP_OLDEST)
            return found
        known = _of_hubs.get(target)
        if known is None:
            known = _of_hubs[target] = Publisher(target, overflow=Overflow.DROP_OLDEST)
        return known


class Outlet:
    """Publishes records to one channel. Nothing that happens here is told to who logs, but in counters."""

    def __init__(
        self, target: str | Publishes | None = None, *, channel: str | None = None, token: str | None = None
    ) -> None:
        self.channel = channel or os.environ.get("GAPLESS_CHANNEL") or "logs"
        self.failed = 0
        """Records that could not be made or taken."""
        self._target = target
        self._token = token
        self._publisher: Publisher | None = None
        if target is None or isinstance(target, str):
            self._publisher = publisher_for(target, token)  # so that a wrong address is told now

    @property
    def publisher(self) -> Publisher:
        """The one that sends."""
        if self._publisher is None:
            self._publisher = publisher_for(self._target, self._token)
        return self._publisher

    def put(self, body: bytes, channel: str | None = None) -> None:
        """One record. Never raises and never waits."""
        try:
            publisher = self.publisher
            if not publisher.is_sending():  # what sending itself logs would feed on itself
                publisher.put(channel or self.channel, [(body, None)])
        except Exception:
            self.failed += 1

    def flush(self, timeout: float | None = None) -> int:
        """Wait until the hub has what was logged, at most `timeout` seconds. Gives how many still wait."""
        try:
            return self.publisher.flush(timeout)
        except Exception:
            return self.publisher.waiting


class Recorder:
    """What a library of logging calls with each record: it is never in the way, and never raises.

    `target` is the address of a hub, a hub of this process, or None for `GAPLESS_URL`; `channel` None is
    `GAPLESS_CHANNEL`, or `logs`; `source` None says program, machine and process.

    Raises:
        ConfigError: the address is none.
    """

    def __init__(
        self,
        target: str | Publishes | None = None,
        channel: str | None = None,
        *,
        token: str | None = None,
        source: str | None = None,
    ) -> None:
        self._outlet = Outlet(target, channel=channel, token=token)
        self._source = Source(source)

    @property
    def failed(self) -> int:
        """Records that could not be published; why does not matter to who logs."""
        return self._outlet.failed

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the hub has what was logged, at most `timeout` seconds. Gives how many still wait."""
        return self._outlet.flush(timeout)

    def _publish(self, make: Callable[[], bytes | None], channel: str | None = None) -> None:
        """What `make` makes of a record, unless that is None. Never raises."""
        try:
            body = make()
            if body is not None:
                self._outlet.put(body, channel)
        except Exception:
            self._outlet.failed += 1


def source_name() -> str:
    """Who logs: the program, the machine and the process."""
    program = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] not in ("", "-c", "-m") else "python"
    return f"{program}@{socket.gethostname()}:{os.getpid()}"


class Source:
    """`source_name`, of the process that asks: a fork is another one."""

    __slots__ = ("_given", "_name", "_pid")

    def __init__(self, given: str | None) -> None:
        self._given = given
        self._pid = 0
        self._name = ""

    @property
    def name(self) -> str:
        """What was given, or of this process."""
        if self._given is not None:
            return self._given
        pid = os.getpid()
        if pid != self._pid:
            self._name, self._pid = source_name(), pid
        return self._name

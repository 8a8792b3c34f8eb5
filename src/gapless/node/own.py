"""The hub's own channels: what it says of itself, computed only while somebody reads it.

Such a channel lives in this process alone. What it says is told to those who read it here; nothing of
it is kept, and whoever comes is told everything anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from ..core.channel import Channel, Subscriber
from ..core.log import Ring
from ..model import Publication
from ..options import ChannelOptions
from ..protocol.encode import trimmed
from .registry import Registry
from .rings import Rings
from .tasks import Tasks

Say = Callable[[bool], Awaitable[Sequence[bytes]]]
"""What there is to say now, each a JSON document. True: somebody came who knows nothing yet."""

SOONEST_SECONDS = 0.1
"""Between two computations, however many come and go."""

OPTIONS = ChannelOptions(client_subscribe=False, user_limited=False)
"""Who may read is decided before any option is looked at: whoever may call the API."""


class Own:
    """Those of one node."""

    def __init__(self, registry: Registry, rings: Rings, tasks: Tasks) -> None:
        self._registry = registry
        self._rings = rings
        self._tasks = tasks
        self._voices: dict[str, _Voice] = {}

    def add(self, name: str, say: Say, *, every: float) -> None:
        """While somebody reads it, `say` is asked every so many seconds, and when one more reader comes."""
        voice = self._voices[name] = _Voice(say, every, self._rings, self._tasks)
        self._registry.reserve(name, OPTIONS)
        self._rings.keep_own(name, voice.channel)

    @property
    def at_work(self) -> frozenset[str]:
        """Those that are computed just now, because somebody reads them."""
        return frozenset(name for name, voice in self._voices.items() if voice.is_speaking)


class _Read(Channel):
    """A channel that somebody is told of when its readers come, and when they are gone."""

    __slots__ = ("_on_change",)

    def __init__(
        self, name: str, options: ChannelOptions, ring: Ring, on_change: Callable[[Channel], None]
    ) -> None:
        super().__init__(name, options, ring)
        self._on_change = on_change

    def add(self, subscriber: Subscriber) -> None:
        super().add(subscriber)
        self._on_change(self)

    def discard(self, subscriber: Subscriber) -> None:
        super().discard(subscriber)
        if not self.subscribers:
            self._on_change(self)


class _Voice:
    """What one channel says, and the task that says it while there are readers."""

    def __init__(self, say: Say, every: float, rings: Rings, tasks: Tasks) -> None:
        self._say = say
        self._every = every
        self._rings = rings
        self._tasks = tasks
        self._changed = asyncio.Event()
        self._channel: Channel | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_speaking(self) -> bool:
        return self._task is not None and not self._task.done()

    def channel(self, name: str, options: ChannelOptions, ring: Ring) -> Channel:
        return _Read(name, options, ring, self._on_change)

    def _on_change(self, channel: Channel) -> None:
        self._channel = channel
        self._changed.set()
        if channel.subscribers and not self.is_speaking:
            self._task = self._tasks.spawn(self._speak())

    async def _speak(self) -> None:
        known: frozenset[Subscriber] = frozenset()
        while (channel := self._channel) is not None and channel.subscribers:
            self._changed.clear()
            readers = frozenset(channel.subscribers)
            said = await self._say(not readers <= known)
            known = readers
            for each in said:
                self._rings.publication(channel.name, Publication(trimmed(each), time=time.time()))
            await self._rest()

    async def _rest(self) -> None:
        """Until it is time again, or there are other readers; none at all are noticed at once."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            async with asyncio.timeout(self._every):
                await self._changed.wait()
        except TimeoutError:
            return
        if self._channel is not None and self._channel.subscribers:
            await asyncio.sleep(max(0.0, begun + SOONEST_SECONDS - clock()))

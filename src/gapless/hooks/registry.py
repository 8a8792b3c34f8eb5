"""The registry of hooks: functions of the application that allow, refuse or enrich what clients do.

Sync functions run in a worker thread, async ones on the loop. A hook refuses by raising
ClientError (the command is answered with its code) or Disconnect (the connection is closed), or
by returning False. Any other exception is the application's bug: it is logged once, counted, and
the client gets error 100.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, overload

from ..core.counters import Counters
from ..core.patterns import Pattern
from ..errors import ClientError, Disconnect, Internal, PermissionDenied
from ..model import NOTHING, Grant
from ..protocol.encode import encode
from .events import Client

log = logging.getLogger("gapless")

Hook = Callable[..., Any]

T = TypeVar("T")


@dataclass(slots=True)
class _Registered:
    pattern: Pattern | None
    function: Hook


@dataclass(slots=True)
class Hooks:
    """What an application registered, by event."""

    counters: Counters
    encode: Callable[[Any], bytes] = encode
    """What they answer with, as JSON. Raises TypeError."""
    events: dict[str, list[_Registered]] = field(default_factory=dict)
    """What is registered, by event: those for which there is a hook, and no others."""
    _headers: set[str] = field(default_factory=set)
    _emulated: set[str] = field(default_factory=set)

    def keep_headers(self, names: Iterable[str], emulated: Iterable[str] = ()) -> None:
        """Let later hooks see these headers of a client too, and not only `on_connect`."""
        self._headers.update(map(str.lower, names))
        self._emulated.update(map(str.lower, emulated))

    def introduce(
        self, client: Client, grant: Grant, *, headers: Mapping[str, str], emulated: Mapping[str, str]
    ) -> Client:
        """A client that was let in, as later hooks see it."""
        if not (grant.user or grant.meta or self._headers or self._emulated):
            return client
        return replace(
            client,
            user=grant.user,
            meta=grant.meta,
            headers=_named(self._headers, headers),
            emulated_headers=_named(self._emulated, emulated),
        )

    def add(self, event: str, pattern: str | None, function: Hook) -> None:
        """Ask, or tell, `function` at this event, in what `pattern` matches. Raises ConfigError."""
        compiled = Pattern(pattern) if pattern is not None else None
        self.events.setdefault(event, []).append(_Registered(compiled, function))

    def guards(self, event: str, channel: str) -> bool:
        """Is there a hook for this event that this channel concerns?"""
        hooks = self.events.get(event)
        return hooks is not None and any(
            hook.pattern is None or hook.pattern.match(channel) is not None for hook in hooks
        )

    async def ask(self, event: str, about: Any, channel: str = "") -> Any:
        """Call each hook that matches, in the order in which they were registered.

        Returns the last result that is not None. Raises ClientError or Disconnect when one of
        them refuses; the later ones are not asked then.
        """
        answer: Any = None
        for hook in self.events.get(event, ()):
            parts: dict[str, str] | None = {}
            if hook.pattern is not None:
                parts = hook.pattern.match(channel)
            if parts is None:
                continue
            try:
                result = await _call(hook.function, about, parts)
            except (ClientError, Disconnect):
                raise
            except Exception as error:
                self.counters.hook_errors += 1
                log.exception("the %s hook %r failed", event, getattr(hook.function, "__name__", "?"))
                raise Internal from error
            if result is False:
                raise PermissionDenied
            if result is not None and result is not True:
                answer = result
        return answer

    async def ask_for(self, kind: type[T], event: str, about: Any, channel: str) -> T | None:
        """As `ask`, where hooks answer with a `kind` or with nothing.

        Raises:
            Internal: besides what `ask` raises, for any other answer, which is logged: what it was
                meant to change must not pass unchanged.
        """
        answer = await self.ask(event, about, channel)
        if answer is None or isinstance(answer, kind):
            return answer
        self.counters.hook_errors += 1
        said = type(answer).__name__
        log.error("the %s hook returned %s; it returns %s or None", event, said, kind.__name__)
        raise Internal


def _named(names: set[str], headers: Mapping[str, str]) -> Mapping[str, str]:
    if not names:
        return NOTHING
    return {name.lower(): value for name, value in headers.items() if name.lower() in names}


async def _call(function: Hook, about: Any, parts: dict[str, str]) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(about, **parts)
    result = await asyncio.to_thread(function, about, **parts)
    # A lambda or a partial around a coroutine function only shows itself by what it returns.
    return await result if inspect.isawaitable(result) else result


H = TypeVar("H", bound=Hook)


class On:
    """Registers a function, which it gives back, for what concerns a whole connection: `@hub.on_connect`."""

    def __init__(self, hooks: Hooks, *events: str) -> None:
        self._hooks = hooks
        self._events = events

    def __call__(self, function: H) -> H:
        """Ask, or tell, this function at each such event."""
        for event in self._events:
            self._hooks.add(event, None, function)
        return function


class OnName:
    """Registers a function for what has a name, a channel's or a method's, which it gives back.

    With a pattern only what it matches concerns the function, and its named parts are arguments:
    `@hub.on_subscribe("orders:{order_id}")`. Without one everything does: `@hub.on_subscribe`.
    """

    def __init__(self, hooks: Hooks, event: str) -> None:
        self._hooks = hooks
        self._event = event

    @overload
    def __call__(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def __call__(self, pattern: H) -> H: ...
    def __call__(self, pattern: str | H) -> Callable[[H], H] | H:
        """Ask, or tell, the function at each such event. Raises ConfigError: not a pattern."""
        if not isinstance(pattern, str):
            self._hooks.add(self._event, None, pattern)
            return pattern

        def register(function: H) -> H:
            self._hooks.add(self._event, pattern, function)
            return function

        return register

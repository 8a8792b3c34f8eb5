"""The decorators by which an application says who may do what: `@hub.on_subscribe("orders:{id}")`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

from .registry import Hook, Hooks

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

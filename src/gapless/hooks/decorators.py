"""The decorators by which an application says who may do what: `@hub.on_subscribe("orders:{id}")`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

from .registry import Hook, Hooks

H = TypeVar("H", bound=Hook)


class HookDecorators:
    """Each registers a function, which it gives back, with the hooks of this hub.

    Where there is a pattern, only what it matches concerns the function; its named parts are arguments.
    """

    hooks: Hooks

    def on_connect(self, function: H) -> H:
        """Ask this function about each new client: see `ConnectEvent`."""
        self.hooks.add("connect", None, function)
        return function

    def on_disconnect(self, function: H) -> H:
        """Tell this function about each client that is gone: see `DisconnectEvent`."""
        self.hooks.add("disconnect", None, function)
        return function

    @overload
    def on_unsubscribe(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_unsubscribe(self, pattern: H) -> H: ...
    def on_unsubscribe(self, pattern: str | H) -> Callable[[H], H] | H:
        """Tell when a client left a channel: see `UnsubscribeEvent`."""
        return self._on("unsubscribe", pattern)

    @overload
    def on_occupied(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_occupied(self, pattern: H) -> H: ...
    def on_occupied(self, pattern: str | H) -> Callable[[H], H] | H:
        """Tell when a channel gets its first subscriber on this node: see `ChannelEvent`."""
        return self._on("occupied", pattern)

    @overload
    def on_vacated(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_vacated(self, pattern: H) -> H: ...
    def on_vacated(self, pattern: str | H) -> Callable[[H], H] | H:
        """Tell when a channel loses its last subscriber on this node: see `ChannelEvent`."""
        return self._on("vacated", pattern)

    @overload
    def on_rpc(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_rpc(self, pattern: H) -> H: ...
    def on_rpc(self, pattern: str | H) -> Callable[[H], H] | H:
        """Answer a call of a client: `@hub.on_rpc("sum")`, by method name or pattern: see `RpcEvent`."""
        return self._on("rpc", pattern)

    @overload
    def on_api_rpc(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_api_rpc(self, pattern: H) -> H: ...
    def on_api_rpc(self, pattern: str | H) -> Callable[[H], H] | H:
        """Answer the HTTP API's `rpc`: the function gets `params`, its result is the answer's `data`."""
        return self._on("api_rpc", pattern)

    def on_message(self, function: H) -> H:
        """Take a message of a client that wants no answer: see `MessageEvent`."""
        self.hooks.add("message", None, function)
        return function

    def on_refresh(self, function: H) -> H:
        """Ask before a connection or subscription expires: see `RefreshEvent`."""
        self.hooks.add("refresh", None, function)
        self.hooks.add("sub_refresh", None, function)
        return function

    @overload
    def on_subscribe(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_subscribe(self, pattern: H) -> H: ...
    def on_subscribe(self, pattern: str | H) -> Callable[[H], H] | H:
        """Ask before a client subscribes: `@hub.on_subscribe("orders:{order_id}")`, or without a pattern."""
        return self._on("subscribe", pattern)

    @overload
    def on_publish(self, pattern: str) -> Callable[[H], H]: ...
    @overload
    def on_publish(self, pattern: H) -> H: ...
    def on_publish(self, pattern: str | H) -> Callable[[H], H] | H:
        """Ask before a client publishes; who lets it pass allows it: `@hub.on_publish("chat:{room}")`."""
        return self._on("publish", pattern)

    def _on(self, event: str, pattern: str | H) -> Callable[[H], H] | H:
        if not isinstance(pattern, str):
            self.hooks.add(event, None, pattern)
            return pattern

        def register(function: H) -> H:
            self.hooks.add(event, pattern, function)
            return function

        return register

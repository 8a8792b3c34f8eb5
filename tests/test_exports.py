"""The public door: these names and no others; everything else may change."""

from __future__ import annotations

import inspect

import pytest

import gapless
from gapless import errors

NAMES = [
    "Access",
    "AsyncPublisher",
    "BadRequest",
    "Board",
    "BrokerError",
    "ChannelEvent",
    "ChannelOptions",
    "Client",
    "ClientError",
    "ConfigError",
    "ConnectEvent",
    "ConnectionManager",
    "Connections",
    "Disconnect",
    "DisconnectEvent",
    "GaplessError",
    "Grant",
    "History",
    "Hub",
    "HubApp",
    "HubHandler",
    "IsolationCounters",
    "Jwks",
    "LimitExceeded",
    "Limits",
    "Listener",
    "Lost",
    "Member",
    "MemoryBroker",
    "MessageEvent",
    "Missed",
    "NeverWait",
    "NotRunning",
    "Overloaded",
    "Override",
    "PermissionDenied",
    "Position",
    "Publication",
    "PublishEvent",
    "Publisher",
    "Receipt",
    "RefreshEvent",
    "Replace",
    "Rooms",
    "RpcEvent",
    "ServerSubscription",
    "StaticKeys",
    "Stats",
    "SubscribeEvent",
    "SubscriptionGrant",
    "TokenRules",
    "TokenVerifier",
    "UnsubscribeEvent",
    "Welcome",
    "run",
    "__version__",
    "activity",
    "connect",
    "event",
    "stats",
]


def test_the_public_names_are_these() -> None:
    assert sorted(gapless.__all__) == sorted(NAMES)


def test_they_are_listed_in_order() -> None:
    assert list(gapless.__all__) == sorted(gapless.__all__)


def test_nothing_else_lies_at_the_door() -> None:
    found = {
        name
        for name, value in vars(gapless).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert found <= set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("_")])
def test_each_of_them_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(gapless, name)
    assert inspect.getdoc(value)
    assert value.__module__.startswith("gapless.")


def test_every_error_can_be_caught_as_one() -> None:
    kinds = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert kinds
    assert all(issubclass(kind, gapless.GaplessError) for kind in kinds)


def test_the_version_is_a_version() -> None:
    assert all(part.isdigit() for part in gapless.__version__.split(".")[:2])


def test_whatever_a_hook_is_told_or_may_answer_is_among_them() -> None:
    from gapless.hooks import events

    values = {
        name
        for name, value in vars(events).items()
        if inspect.isclass(value) and value.__module__ == events.__name__
    }
    assert values <= set(NAMES)


def public_functions() -> list[tuple[str, object]]:
    """Functions and constructors of the public names, with those of their own class."""
    found: list[tuple[str, object]] = []
    for name in NAMES:
        value = getattr(gapless, name)
        if inspect.isclass(value):
            found += [
                (f"{name}.{inner}", method)
                for inner, method in vars(value).items()
                if inspect.isfunction(method)
                and (inner == "__init__" or not inner.startswith("_"))
                and not hasattr(value, "__dataclass_fields__")
            ]
    return found


MANY = {
    "Hub.search": "what is sought, and five ways to narrow it, each by its name",
    "Hub.__init__": "what a hub is made of, each by its name, all but the first with a default",
}
"""Public functions with more than six arguments, and why."""


def test_no_public_function_takes_more_than_six_arguments_without_a_reason() -> None:
    counts = {name: len(inspect.signature(function).parameters) - 1 for name, function in public_functions()}  # type: ignore[arg-type]
    assert {name for name, count in counts.items() if count > 6} == set(MANY)
    assert max(counts.values()) < 10

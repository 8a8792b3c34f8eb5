"""The public door: these names and no others; everything else may change."""

from __future__ import annotations

import inspect

import pytest

import gapless
from gapless import errors

NAMES = [
    "Access",
    "BrokerError",
    "ChannelOptions",
    "Client",
    "ClientError",
    "ConfigError",
    "ConnectEvent",
    "ConnectionManager",
    "Disconnect",
    "DisconnectEvent",
    "GaplessError",
    "Grant",
    "History",
    "Hub",
    "HubApp",
    "Jwks",
    "LimitExceeded",
    "Limits",
    "Member",
    "MemoryBroker",
    "Missed",
    "NotRunning",
    "Overloaded",
    "PermissionDenied",
    "Position",
    "Publication",
    "PublishEvent",
    "Receipt",
    "Replace",
    "Stats",
    "StaticKeys",
    "SubscribeEvent",
    "TokenRules",
    "TokenVerifier",
    "__version__",
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

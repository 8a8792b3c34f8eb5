"""Networks of their own for tests: places with wires between them, which can be cut and joined again."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache

HERE = ""
"""The place where the test itself is."""


class Wire:
    """Between two places, with an address at either end."""

    def __init__(self, ends: tuple[str, str], addresses: tuple[str, str], places: tuple[str, str]) -> None:
        self._ends, self._places = ends, places
        self.addresses = addresses

    def cut(self) -> None:
        """From now on nothing passes, and the first place is told nothing: what it sends is gone."""
        self._set("down")

    def join(self) -> None:
        self._set("up")

    def _set(self, state: str) -> None:
        _ip(*_in(self._places[1]), "link", "set", self._ends[1], state)


class Networks:
    """Makes places and wires; all are gone at the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._name = secrets.token_hex(3)
        self._net = f"198.18.{secrets.randbelow(256)}"  # a range that is for tests of networks alone
        self._places = self._wires = 0

    def place(self) -> str:
        """A new one, without any network but its own loopback."""
        self._places += 1
        name = f"gapless-{self._name}-{self._places}"
        _ip("netns", "add", name)
        self._stack.callback(_ip, "netns", "delete", name)
        _ip(*_in(name), "link", "set", "lo", "up")
        return name

    def wire(self, one: str, other: str) -> Wire:
        """A new one between two places."""
        number, self._wires = self._wires, self._wires + 1
        ends = f"g{self._name}{number}a", f"g{self._name}{number}b"
        addresses = f"{self._net}.{4 * number + 1}", f"{self._net}.{4 * number + 2}"
        _ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for end, address, place in zip(ends, addresses, (one, other), strict=True):
            if place:
                _ip("link", "set", end, "netns", place)
            _ip(*_in(place), "address", "add", f"{address}/30", "dev", end)
            _ip(*_in(place), "link", "set", end, "up")
        return Wire(ends, addresses, (one, other))


@contextmanager
def networks() -> Iterator[Networks]:
    with ExitStack() as stack:
        yield Networks(stack)


def command(place: str) -> Sequence[str]:
    """What to put before a command so that it runs there."""
    return ("ip", "netns", "exec", place)


@cache
def refusal() -> str:
    """Why this user can make none; empty when it can. Another kernel or user may."""
    if os.geteuid():
        return "making networks is for root"
    try:
        with networks() as made:
            made.wire(HERE, made.place())
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no networks can be made here: {error}"
    return ""


def _in(place: str) -> Sequence[str]:
    return ("-n", place) if place else ()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)

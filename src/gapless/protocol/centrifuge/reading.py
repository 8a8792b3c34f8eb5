"""What a frame of the Centrifuge protocol may hold, whichever encoding it is in."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from ...errors import Disconnect
from ...options import Limits
from ..strict import Malformed
from .messages import Command, Invalid, Pong
from .schema import EXACT, REQUESTS

DEFAULTS: Final = Limits()
PONG: Final = Command(0, Pong())

MAX_PARTS: Final = 4096
"""Entries of lists and maps in the commands of one frame. Tiny ones cost a hundred times their bytes;
a connect with 128 subscriptions, each with a filter of 30 parts, is below it."""


def bad_request(why: object) -> Disconnect:
    """`why` repeats nothing of the input."""
    return Disconnect(3501, f"bad request: {why}")


class Allowance:
    """What the commands of one frame may cost."""

    __slots__ = ("_parts", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._parts = MAX_PARTS

    def take(self, parts: int) -> None:
        """Raises Malformed when they are more than what is left."""
        self._parts -= parts
        if self._parts < 0:
            raise Malformed(f"more than {MAX_PARTS} parts in a frame")


class Unusable(Exception):
    """A request that can be understood but not be meant; ends as `Invalid`."""


def exact(number: int) -> int:
    """Raises Unusable for an integer that some client cannot hold."""
    if number not in EXACT:
        raise Unusable("an integer beyond 2^53")
    return number


def request_field(number: int, present: Container[str]) -> str | None:
    """Which of the fields of command `number` is its request; None: it is a pong, whatever else it holds.

    Raises:
        Malformed: none of those that are present.
    """
    if number == 0 and "send" not in present:
        return None
    for name in REQUESTS if number else ("send",):
        if name in present:
            return name
    raise Malformed("no known command")


def unusable(number: int, name: str, fault: Unusable) -> Command:
    """The command whose request in field `name` cannot be meant. Raises Malformed where no reply says so."""
    if name == "send":
        raise Malformed(str(fault)) from None
    return Command(number, Invalid(name, str(fault)))

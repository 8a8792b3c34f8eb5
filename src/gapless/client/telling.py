"""What people are told of how sending goes, each thing once."""

from __future__ import annotations

import sys
from collections.abc import Callable

from .remote import Refused, Unreachable
from .ways import Busy

REASONS = 20
"""Different reasons of refusals that are reported; beyond it they are only counted."""


class Telling:
    """Knows whether the hub takes anything, and says so when that changes. Its owner holds a lock."""

    def __init__(self, name: str, max_bytes: int, report: Callable[[str], None] | None) -> None:
        self.trouble: Unreachable | Refused | None = None
        """Why the hub does not take anything just now; None while it does."""
        self._name = name
        self._room = _size(max_bytes)
        self._report = report or _to_stderr
        self._reasons: set[str] = set()

    @property
    def reason(self) -> str:
        """Why there is no room."""
        if self.trouble is None:
            return "they came faster than the hub took them"
        return f"the hub was away for too long ({self.trouble})"

    def away(self, problem: Unreachable | Refused) -> bool:
        """The hub did not take what was sent. False: it only asked to wait."""
        known, self.trouble = self.trouble, problem
        if isinstance(problem, Busy):
            self.trouble = known if known is not None else problem
            return False
        if known is None or isinstance(known, Busy):
            self._report(f"{problem} (what comes is kept, up to {self._room})")
        elif type(known) is not type(problem):
            self._report(str(problem))
        return True

    def back(self, waiting: int) -> None:
        """The hub took something; so many publications wait yet."""
        known, self.trouble = self.trouble, None
        if known is not None and not isinstance(known, Busy):
            self._report(f"{self._name} answers again; {waiting} publications follow")

    def refused(self, channel: str, refusal: Refused) -> None:
        """The hub will not have a publication."""
        if str(refusal) not in self._reasons and len(self._reasons) < REASONS:
            self._reasons.add(str(refusal))
            self._report(f"a publication to {channel} was not taken: {refusal}")

    def dropped(self) -> None:
        """There was no room for the first time."""
        self._report(f"{self._room} wait for the hub; what does not fit is dropped and counted")

    def forked(self) -> None:
        """In the child nothing is known of the hub."""
        self.trouble = None


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def _to_stderr(line: str) -> None:
    try:
        sys.stderr.write(f"gapless: {line}\n")
    except (OSError, ValueError, AttributeError):
        pass  # there is no stderr, or nobody reads it any more

"""Refusals, told to who can mend them: one line in the log for each cause, with what would allow it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from ..core.rate import Rate

log = logging.getLogger("gapless")

CAUSES = 256
"""Remembered; strangers make up causes, and each costs its text."""
SHOWN = 80
"""Characters of what a stranger sent that a line shows."""
LINES_PER_SECOND, LINES_AT_ONCE = 1.0, 10


class Refusals:
    """Logs what was refused, once for each cause and at most so often; never a secret."""

    __slots__ = ("_lines", "_told", "_unsaid")

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._lines = Rate(LINES_PER_SECOND, LINES_AT_ONCE)
        self._unsaid = 0

    def origin(self, origins: Sequence[str], host: str) -> None:
        """A page may not connect."""
        shown = ", ".join(origins)[:SHOWN]
        named = shown if shown.isascii() and shown.isprintable() else "ORIGIN"
        self._tell(
            "a page of another origin than the server's",
            f"{shown} at {host[:SHOWN]}",
            f"allow it with --origin {named}, origins = [{named!r}] or HubApp(origins=[{named!r}]); "
            "behind a proxy, let it pass on the Host that the browser asked for, with its port",
        )

    def host(self, host: str) -> None:
        """A name does not mean this machine."""
        self._tell(
            "a request for a host that is not this machine's",
            host[:SHOWN],
            "without a token the hub answers to localhost and 127.0.0.1 only: "
            "set GAPLESS_TOKEN or HubApp(token=…)",
        )

    def nothing_presented(self, transport: str) -> None:
        """A client came with nothing, and has to present something."""
        self._tell(
            "a client without credential and token",
            f"on {transport}",
            "let it send one, or let everybody in: allow_anonymous_connect_without_token = true, "
            "Access(anonymous=True), or an on_connect hook",
        )

    def bad_token(self, reason: str) -> None:
        """A token was not taken, for one of a fixed few reasons."""
        self._tell(
            "a token",
            reason,
            "see the keys and rules of [client.token], or of Access(tokens=TokenVerifier(…))",
        )

    def bad_key(self) -> None:
        """The server's own credential was presented wrong, or where there is none to check it with."""
        self._tell("a wrong credential", "", "it has to be that of --token, GAPLESS_TOKEN or HubApp(token=…)")

    def _tell(self, cause: str, detail: str, remedy: str) -> None:
        if (cause, detail) in self._told:
            return
        if len(self._told) >= CAUSES or not self._lines.take(time.monotonic()):
            self._unsaid += 1
            return
        self._told.add((cause, detail))
        unsaid, self._unsaid = self._unsaid, 0
        more = f" ({unsaid} other refusals were not logged)" if unsaid else ""
        log.warning("refused: %s%s: %s%s", cause, f" ({detail!a})" if detail else "", remedy, more)

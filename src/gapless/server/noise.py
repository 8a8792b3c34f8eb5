"""What a server's log is spared: noise, of which one line a minute and a count is enough, and tokens.

A peer can do thousands of wrong things a second, and a traceback of each tells nobody anything.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

QUIET_SECONDS = 60.0
"""After a line of a kind the next ones are only counted for so long."""

KINDS = frozenset(
    (
        "Invalid HTTP request received.",
        "Invalid UTF-8 sequence received from client.",
        "Unsupported upgrade request.",
        "Exceeded concurrency limit.",
        "socket.send() raised exception.",
    )
)
"""As uvicorn and asyncio say it; nothing of a peer stands in these."""

_LOGGERS = ("uvicorn.error", "asyncio")

SECRETS = ("token", "api_key", "cf_connect")
"""Parameters whose values are, or hold, a credential."""

_IN_QUERY = re.compile(rf"([?&](?:{'|'.join(SECRETS)})=)[^&\s\"']*")

_ACCESS = ("uvicorn.access", "uvicorn.error")
"""Where uvicorn names what was asked for: requests in the first, WebSockets in the second."""


class Noise(logging.Filter):
    """Lets one record of a kind through, without its traceback, and counts those that follow.

    The next that is let through says how many there were. `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}
        self._kept_back: dict[str, int] = {}
        self.count = 0
        """All of them, shown or not."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Is the record to be shown? Others than these kinds always are."""
        kind = record.msg
        if kind not in KINDS:
            return True
        self.count += 1
        now, last = self._clock(), self._last.get(kind)
        if last is not None and now - last < QUIET_SECONDS:
            self._kept_back[kind] = self._kept_back.get(kind, 0) + 1
            return False
        self._last[kind] = now
        more = self._kept_back.pop(kind, 0)
        if more:
            record.msg = f"{kind} {more} more like it since the last such line."
        record.exc_info = record.exc_text = None
        return True


noise = Noise()
"""That of this process, for all its servers."""


def keep_down() -> None:
    """From now on. Idempotent; what else filters these logs stays as it is."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(noise)


class HideTokens(logging.Filter):
    """Leaves the names of such parameters in a line, and `…` in place of what they say."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        if isinstance(record.args, tuple):
            record.args = tuple(hidden(each) if isinstance(each, str) else each for each in record.args)
        if isinstance(record.msg, str):
            record.msg = hidden(record.msg)
        return True


def hidden(text: str) -> str:
    """The text without the secrets of the queries in it."""
    return _IN_QUERY.sub(r"\1…", text) if "=" in text else text


def hide_tokens() -> None:
    """Keep them out of uvicorn's logs. Idempotent; what else filters these stays as it is."""
    for name in _ACCESS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, HideTokens) for one in logger.filters):
            logger.addFilter(HideTokens())

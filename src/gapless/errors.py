"""What can go wrong, and the codes that say so on the wire.

GaplessError
├── ClientError(code, message, temporary)   ends one command of a client
│   ├── UnknownChannel · PermissionDenied · MethodNotFound · AlreadySubscribed
│   ├── LimitExceeded · BadRequest · NotAvailable · TooManyRequests
│   ├── TokenExpired · Expired · Unrecoverable
│   └── Internal
├── Disconnect(code, reason)                ends the connection
├── BrokerError                             the backend failed; __cause__ is the driver's error
├── Overloaded(in_flight_bytes, max_bytes)  publish was called faster than the broker takes
├── Missed(channel, first, last, reason, count)
│                                           publications are gone; raised to an in-process subscriber
├── NotRunning                              the hub was not started, or not wired in
├── ConfigError                             an option that cannot be; names it and the fix
└── Gap(head, offset)                       internal: the ring must be repaired from history

`LimitExceeded` carries what, limit and actual. Whoever talks to a hub elsewhere has errors of its
own below GaplessError: `client.remote.Unreachable`, `Refused` and `NotTheHub`, `client.reader.NotPlain`.

Codes and messages of ClientError, Unsubscribe and Disconnect are those of the Centrifuge
client protocol, so that its SDKs know what to do with them.
"""

from __future__ import annotations


class GaplessError(Exception):
    """Everything this package raises on its own account."""


class ClientError(GaplessError):
    """Ends one command. The client gets `code` and `message` and the connection goes on.

    A hook may raise it, or a subclass, to refuse. Codes 400-1999 are free for applications.
    `temporary` tells SDKs to try again on their own.
    """

    code = 100
    message = "internal server error"
    temporary = False

    def __init__(
        self, message: str | None = None, *, code: int | None = None, temporary: bool | None = None
    ) -> None:
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code
        if temporary is not None:
            self.temporary = temporary
        super().__init__(f"{self.code}: {self.message}")


class Internal(ClientError):
    """Anything unexpected, and a broker that failed."""

    temporary = True


class UnknownChannel(ClientError):
    """No declared pattern matches the channel."""

    code = 102
    message = "unknown channel"


class PermissionDenied(ClientError):
    """The options or a hook refuse."""

    code = 103
    message = "permission denied"


class MethodNotFound(ClientError):
    """Nobody handles this method."""

    code = 104
    message = "method not found"


class AlreadySubscribed(ClientError):
    """This connection is in the channel, or on its way into it."""

    code = 105
    message = "already subscribed"


class LimitExceeded(ClientError):
    """A bound of `Limits` or `ChannelOptions` was reached. Carries its numbers."""

    code = 106
    message = "limit exceeded"

    def __init__(self, what: str, limit: int, actual: int, *, code: int | None = None) -> None:
        self.what = what
        self.limit = limit
        self.actual = actual
        super().__init__(f"{what}: {actual} is above the limit of {limit}", code=code)


class BadRequest(ClientError):
    """The request cannot be meant; the message says what was wrong."""

    code = 107
    message = "bad request"


class NotAvailable(ClientError):
    """The feature is off for this channel."""

    code = 108
    message = "not available"


class TokenExpired(ClientError):
    """The token ran out; the client fetches a new one."""

    code = 109
    message = "token expired"


class Expired(ClientError):
    """The connection or subscription ran out before it began."""

    code = 110
    message = "expired"


class TooManyRequests(ClientError):
    """A rate was exceeded; slow down."""

    code = 111
    message = "too many requests"
    temporary = True


class Unrecoverable(ClientError):
    """The position belongs to another epoch, or was trimmed."""

    code = 112
    message = "unrecoverable position"


CONNECTION_CLOSED = 3000
"""The end without a word: it is never sent, and who is closed with it only sees the connection end."""

REASONS = {
    CONNECTION_CLOSED: "connection closed",
    3001: "shutdown",
    3004: "internal server error",
    3005: "connection expired",
    3006: "subscription expired",
    3008: "slow",
    3009: "write error",
    3010: "insufficient state",
    3011: "force reconnect",
    3012: "no pong",
    3013: "too many requests",
    3014: "state invalidated",
    3500: "invalid token",
    3501: "bad request",
    3502: "stale",
    3503: "force disconnect",
    3504: "connection limit",
    3505: "channel limit",
    3506: "inappropriate protocol",
    3507: "permission denied",
    3508: "not available",
    3509: "too many errors",
}
"""Disconnect codes. 3000-3499 and 4000-4499: come back; 3500-3999 and 4500-4999: stay away."""


class Disconnect(GaplessError):
    """Ends the connection with a close code (3000-4999) and a reason of at most 123 bytes.

    The reason is never empty and never valid JSON: SDKs parse it first and take an empty one
    for a lost connection.
    """

    def __init__(self, code: int, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason or REASONS.get(code, "closed by the server")
        super().__init__(f"{code}: {self.reason}")

    @property
    def reconnect(self) -> bool:
        """May the client come back on its own?"""
        return not (3500 <= self.code <= 3999 or 4500 <= self.code <= 4999)


UNSUBSCRIBE_REASONS = {
    2000: "server unsubscribe",
    2500: "insufficient state",
    2501: "subscription expired",
    2502: "state invalidated",
}
"""Unsubscribe codes: below 2500 for good; from 2500 on the SDK subscribes again by itself."""


class BrokerError(GaplessError):
    """The backend failed; `__cause__` is its driver's error. The publication is not stored, or unknown."""


class Overloaded(GaplessError):
    """More was published than the broker has taken; nothing of this publication was kept.

    Await a receipt now and then, or slow down.
    """

    def __init__(self, in_flight_bytes: int, max_bytes: int) -> None:
        self.in_flight_bytes = in_flight_bytes
        self.max_bytes = max_bytes
        super().__init__(
            f"{in_flight_bytes} bytes wait for the broker, above the bound of {max_bytes}: "
            "await a receipt now and then, or raise Limits.in_flight_bytes"
        )


class Missed(GaplessError):
    """An in-process subscriber will not get these offsets; iterating again goes on behind them.

    `first` and `last` are None for publications without an offset, of which `count` were missed.
    """

    def __init__(
        self, channel: str, first: int | None, last: int | None, reason: str, count: int = 0
    ) -> None:
        self.channel = channel
        self.first = first
        self.last = last
        self.reason = reason
        self.count = count
        what = f"offsets {first} to {last}" if first is not None else f"{count} publications"
        super().__init__(f"{what} of {channel!r} are gone ({reason})")


class NotRunning(GaplessError):
    """The hub was used before it was started or after it was closed."""


class ConfigError(GaplessError):
    """An option that cannot be, with its name, its value and the fix."""


class Gap(GaplessError):
    """Internal: a publication lies beyond the next one. `head` is the last offset that is there."""

    def __init__(self, head: int, offset: int) -> None:
        self.head = head
        self.offset = offset
        super().__init__(f"offset {offset} arrived after {head}")

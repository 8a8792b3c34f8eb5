"""The ways to a hub: over HTTP to one elsewhere, by a call to one in this process. They block."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable
from urllib.parse import quote, urlsplit

import orjson

from ..errors import BrokerError, ClientError, GaplessError, NotRunning, Overloaded
from ..model import Position
from .backoff import Backoff
from .remote import TIMEOUT_SECONDS, Refused, Remote, Unreachable


class Busy(Unreachable):
    """The hub answers, and asks to come again a little later."""


class RefusedRow(Refused):
    """One publication of a batch is not taken, and with it nothing of the batch was."""

    def __init__(self, at: int, reason: str) -> None:
        self.at = at
        """Its place in the batch, from 0."""
        super().__init__(reason)


class Partly(GaplessError):
    """Some are with the hub, in their order, the others are not. Why, is `cause`."""

    def __init__(self, positions: list[Position | None], cause: Unreachable | Refused) -> None:
        self.positions = positions
        self.cause = cause
        super().__init__(str(cause))


@runtime_checkable
class Way(Protocol):
    """Takes batches to a hub, one after the other, on one thread."""

    name: str
    """The hub, for people."""
    backoff: Backoff
    """How long to wait between attempts."""

    def send(self, channel: str, bodies: Sequence[bytes], key: str) -> list[Position | None]:
        """Publish them in order; gives where each stands. The same again with the same key is no copy.

        Raises:
            Unreachable: nobody knows whether it was done; send the same again.
            RefusedRow, Refused: nothing was done, and will not be.
            Partly: the first of them were taken.
        """

    def abort(self) -> None:
        """Called on another thread: let a `send` that waits for an answer fail now."""

    def close(self) -> None:
        """Let go of the connection; the next `send` makes a new one."""


class HttpWay:
    """`POST /ingest/CHANNEL` over one connection that is kept."""

    def __init__(
        self, remote: Remote, *, timeout: float = TIMEOUT_SECONDS, backoff: Backoff | None = None
    ) -> None:
        self.name = remote.url
        self.backoff = backoff or Backoff(longest=5.0)
        self._remote = remote
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None
        self._aborted = False
        parts = urlsplit(remote.url)
        self._path = f"{parts.path}/ingest/"

    def send(self, channel: str, bodies: Sequence[bytes], key: str) -> list[Position | None]:
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": key, **self._remote.headers}
        target = self._path + quote(channel, safe="")
        kept = self._connection is not None
        body = b"\n".join(bodies)
        try:
            status, said, retry_after = self._post(target, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not kept or self._aborted or isinstance(error, TimeoutError):
                raise self._remote.unreachable(error) from None
            # A kept connection may have been closed meanwhile, which says nothing of the hub.
            return self.send(channel, bodies, key)
        return self._read(status, said, retry_after, len(bodies))

    def abort(self) -> None:
        self._aborted = True
        connection = self._connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was closed meanwhile

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(self, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str | None]:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._make()
            connection.connect()
            # The head and the body are two writes; without this the second one waits for the first one's ACK.
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._go_on()
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        return response.status, response.read(), response.getheader("Retry-After")

    def _go_on(self) -> None:
        if self._aborted:
            raise ConnectionAbortedError("the way was closed meanwhile")

    def _make(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._remote.url)
        host, port = parts.hostname or "", parts.port
        proxy = None if self._remote.loopback else proxy_for(parts.scheme, host)
        secure = parts.scheme == "https"
        there, there_port = proxy or (host, port)
        connection = (
            _Secure(there, there_port, self._timeout, name=host, go_on=self._go_on)
            if secure
            else http.client.HTTPConnection(there, there_port, timeout=self._timeout)
        )
        if proxy is not None:
            connection.set_tunnel(host, port)
        return connection

    def _read(self, status: int, said: bytes, retry_after: str | None, count: int) -> list[Position | None]:
        answer = _json(said)
        error = answer.get("error")
        if status in (200, 202):
            if "accepted" not in answer:
                raise self._remote.not_a_hub(status)
            return positions(answer, count)
        if isinstance(error, dict):
            reason = f"error {error.get('code')}: {error.get('message')}"
            if status == 422 and isinstance(answer.get("row"), int):
                raise RefusedRow(answer["row"] - 1, reason)
            if status in (400, 404, 422):
                raise Refused(reason)
            said = str(error.get("message", "")).encode()
        if status == 429:
            raise Busy(f"{self.name} asks to wait", _seconds(retry_after))
        self._remote.check(status, said, {"Retry-After": retry_after} if retry_after is not None else {})
        raise self._remote.not_a_hub(status)


class _Secure(http.client.HTTPSConnection):
    """One whose socket can be shut down while it still agrees on keys: the handshake is a step of its own.

    `go_on` raises OSError where it was shut down before there was something to shut down.
    """

    def __init__(
        self, host: str, port: int | None, timeout: float, *, name: str, go_on: Callable[[], None]
    ) -> None:
        self._secured_by = ssl.create_default_context()
        super().__init__(host, port, timeout=timeout, context=self._secured_by)
        self._named = name
        self._check = go_on

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        secure = self._secured_by.wrap_socket(
            self.sock, server_hostname=self._named, do_handshake_on_connect=False
        )
        self.sock = secure
        self._check()
        secure.do_handshake()


class Publishes(Protocol):
    """A hub in this process: what is used of it."""

    def publish(self, channel: str, data: Any, *, idempotency_key: str | None = None) -> Any:
        """Publish; gives something with `result(timeout)`."""


class HubWay:
    """Calls of `hub.publish` from another thread than the hub's own.

    A broker that answers later may have stored what it did not answer to, so that each publication has a
    key there, and all of them are sent again.
    """

    name = "the hub of this process"

    def __init__(self, hub: Publishes, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.backoff = Backoff(first=0.05, longest=1.0)
        self._hub = hub
        self._timeout = timeout

    def send(self, channel: str, bodies: Sequence[bytes], key: str) -> list[Position | None]:
        receipts: list[Any] = []
        failed: GaplessError | None = None
        lasting = _answers_later(self._hub)
        for number, body in enumerate(bodies):
            once = f"{key}.{number}" if lasting else None
            try:
                receipts.append(self._hub.publish(channel, orjson.Fragment(body), idempotency_key=once))
            except GaplessError as error:
                failed = error
                break
        done: list[Position | None] = []
        try:
            for receipt in receipts:
                done.append(receipt.result(self._timeout))  # noqa: PERF401 - what came before an error counts
        except (GaplessError, TimeoutError) as error:
            unknown = Unreachable(f"{self.name}: {error}")
            raise (unknown if lasting else Partly(done, unknown)) from None
        if failed is not None:
            raise Partly(done, _cause(failed, self.name))
        return done

    def abort(self) -> None:
        """A hub of this process answers, or the wait for it ends by itself."""

    def close(self) -> None:
        """There is nothing to let go of."""


def _answers_later(hub: Publishes) -> bool:
    node = getattr(hub, "node", None)  # that of a hub; who only publishes as one does has none
    return node is not None and not node.broker.immediate


def _cause(error: GaplessError, name: str) -> Unreachable | Refused:
    if isinstance(error, Overloaded):
        return Busy(f"{name} asks to wait")
    if isinstance(error, NotRunning | BrokerError):
        return Unreachable(f"{name}: {error}")
    code = error.code if isinstance(error, ClientError) else ""
    return Refused(f"error {code}: {error}")


def positions(answer: dict[str, Any], count: int) -> list[Position | None]:
    """Where each of `count` publications stands, as the answer of `/ingest` says."""
    if "epoch" not in answer:
        return [None] * count
    epoch = str(answer["epoch"])
    runs = answer.get("runs") or [[answer["first"], answer["last"]]]
    offsets = [offset for first, last in runs for offset in range(first, last + 1)][:count]
    # Those of an earlier epoch have no place any more.
    return [*[None] * (count - len(offsets)), *(Position(offset, epoch) for offset in offsets)]


def proxy_for(scheme: str, host: str) -> tuple[str, int | None] | None:
    """Host and port of the proxy that the environment names for a host, if it does."""
    if urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies().get(scheme)
    if not named:
        return None
    parts = urlsplit(named if "//" in named else f"http://{named}")
    return (parts.hostname or "", parts.port) if parts.hostname else None


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(value: str | None) -> float | None:
    return min(float(value), 60.0) if value is not None and value.isascii() and value.isdigit() else None

"""One client on its way in: TCP connect, WebSocket handshake, first words, until it is in."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from .message import masked_text_frame

_BIND_ADDRESS_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, per destination
_CLIENTS_PER_ADDRESS = 10_000


class Refused(Exception):
    """The server did not let a client in; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Door:
    """How a server is entered: the request, what the client says first, and what it then hears when it is in.

    Who comes back for what was missed asks for `resume` and says `resume_words`; an empty `resume`
    means that one cannot. Paths and words may hold `{channel}`, those of who comes back also
    `{epoch}` and `{offset}`. An empty `ready` means: as soon as the upgrade is answered.
    """

    path: str
    words: tuple[str, ...] = ()
    ready: str = ""
    resume: str = ""
    resume_words: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Door:
        path, ready, resume = (str(data[name]) for name in ("path", "ready", "resume"))
        return cls(path, _texts(data["words"]), ready, resume, _texts(data["resume_words"]))

    def to(self, channel: str) -> Door:
        """As a client of this channel enters it: nothing is left to be filled in."""
        return self._filled(self.path, self.words, channel=channel)

    def back_to(self, channel: str, position: str) -> Door:
        """The same for a client that has everything up to `position` (EPOCH:OFFSET)."""
        epoch, _, offset = position.rpartition(":")
        return self._filled(self.resume, self.resume_words, channel=channel, epoch=epoch, offset=offset)

    def _filled(self, path: str, words: tuple[str, ...], **values: str) -> Door:
        return Door(_fill(path, values), tuple(_fill(word, values) for word in words), self.ready)


class Opening:
    """The handshake of one client as a state machine over one non-blocking socket.

    Call `step` for each event of the socket; when it returns True the client is in, and
    `received` holds what came behind the handshake.
    """

    def __init__(self, port: int, door: Door, number: int, receive_buffer: int | None) -> None:
        self.socket = _socket(number, receive_buffer)
        self.received = bytearray()
        self._request = (
            f"GET {door.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self._door = door
        self._ready = door.ready.encode()
        self._upgraded = False
        self.events = select.EPOLLOUT
        code = self.socket.connect_ex(("127.0.0.1", port))
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))

    def step(self) -> bool:
        """Go on as far as the socket allows. Raises Refused or OSError; the caller closes the socket."""
        if self.events == select.EPOLLOUT:
            self._send_request()
            return False
        data = self.socket.recv(262144)
        if not data:
            raise Refused(f"closed during the handshake: {bytes(self.received[:200])!r}")
        self.received += data
        if not self._upgraded and not self._upgrade():
            return False
        return self._ready in self.received

    def _send_request(self) -> None:
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self.socket.send(self._request)
        self.events = select.EPOLLIN

    def _upgrade(self) -> bool:
        head, separator, rest = self.received.partition(b"\r\n\r\n")
        if not separator:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            raise Refused(bytes(self.received[:300]).decode("latin-1"))
        for word in self._door.words:
            self.socket.send(masked_text_frame(word.encode()))
        self.received = rest
        self._upgraded = True
        return True


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"words are a list of texts, not {value!r}")
    return tuple(map(str, value))


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Put each value where its name stands in braces; other braces are JSON and stay."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _socket(number: int, receive_buffer: int | None) -> socket.socket:
    """A socket with its own source address for every 10,000 clients, so that ports do not run short."""
    sock = socket.socket()
    sock.setblocking(False)
    # Clients vanish without a farewell (RST): a cut line, and no port left in TIME_WAIT.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    sock.bind((f"127.0.0.{1 + number // _CLIENTS_PER_ADDRESS % 250}", 0))
    return sock

"""The physical limit: a bare loop of `socket.send` over prebuilt frames, without loop, protocol or queue.

No server that writes each message to each client can be faster than the system call it has to
make. Speaks the same commands as the others, in one thread that does one thing at a time.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import json
import os
import select
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ..machine import pin, raise_open_files
from ..message import payload, text_frame
from ..opening import Door
from .runtime import Options, listen

_DOOR = Door("/")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class BareLoop:
    """Accepts connections while it waits for commands; while it obeys one it does nothing else."""

    def __init__(self, options: Options) -> None:
        self._control = socket.socket(fileno=options.control)
        self._credit = options.credit
        os.set_blocking(self._credit, False)
        self._frames_per_send = options.frames_per_send
        self._listener = listen(options.send_buffer)
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, socket.socket] = {}
        self._pending = b""
        self._commands: dict[str, Callable[..., dict[str, Any]]] = {
            "flow": self.flow,
            "paced": self.paced,
            "collect": self.collect,
        }

    def run(self) -> None:
        """Serve until the parent says quit, or is gone."""
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._control, selectors.EVENT_READ, self._obey)
        port = self._listener.getsockname()[1]
        self._answer({"port": port, "pid": os.getpid(), "bounded": True, "door": asdict(_DOOR)})
        while True:
            for key, _ in self._selector.select():
                key.data(key.fileobj)

    # -- connections

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(client, selectors.EVENT_READ, self._greet)

    def _greet(self, client: socket.socket) -> None:
        try:
            request = client.recv(4096)
        except ConnectionError:
            request = b""
        if not request:
            self._clients.pop(client.fileno(), None)
            self._selector.unregister(client)
            client.close()
            return
        key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        client.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._clients[client.fileno()] = client

    # -- commands

    def _obey(self, control: socket.socket) -> None:
        data = control.recv(65536)
        if not data:
            os._exit(1)  # the parent is gone
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            do = command.pop("do")
            if do == "quit":
                os._exit(0)
            if do in self._commands:
                self._answer(self._commands[do](**command))
            else:
                self._answer({"error": f"{do}: the bare loop cannot do that"})

    def _answer(self, reply: dict[str, Any]) -> None:
        self._control.sendall(json.dumps(reply).encode() + b"\n")

    def flow(
        self, seconds: float, size: int, window: int | None, channels: int, depth: int, most: int | None
    ) -> dict[str, Any]:
        """One publication after the other to everybody; with a window, when the parent has seen the last."""
        at_once = 1 if window else self._frames_per_send
        self._arrived()  # what came for the last publication of an earlier flow
        left = window or 0
        start = now = time.monotonic_ns()
        end = start + int(seconds * 1e9)
        done = 0
        while now < end and (most is None or done < most):
            if window and not left and not (left := self._credits(end)):
                break
            left -= 1
            self._send(text_frame(payload(size, now)) * at_once)
            done += at_once
            now = time.monotonic_ns()
        return {"publications": done, "start_ns": start, "end_ns": time.monotonic_ns()}

    def paced(self, rate: float, seconds: float, size: int) -> dict[str, Any]:
        """Publish on time, or as soon after it as the loop allows; each says when it was due."""
        start = time.monotonic_ns() + 20_000_000
        done = 0
        for number in range(max(1, int(rate * seconds))):
            due = start + int(number * 1e9 / rate)
            if due - time.monotonic_ns() > 200_000:
                time.sleep((due - time.monotonic_ns() - 100_000) / 1e9)
            while time.monotonic_ns() < due:
                pass
            self._send(text_frame(payload(size, due)))
            done += 1
        return {"publications": done, "start_ns": start, "end_ns": time.monotonic_ns()}

    def _credits(self, end: int) -> int:
        """Wait for the parent to let some more out; 0 when it did not until `end`."""
        readable, _, _ = select.select([self._credit], [], [], max(0.0, (end - time.monotonic_ns()) / 1e9))
        return self._arrived() if readable else 0

    def _arrived(self) -> int:
        try:
            return len(os.read(self._credit, 65536))
        except BlockingIOError:
            return 0

    def _send(self, frame: bytes) -> None:
        # Blocking sockets: who cannot take more holds everybody up, as the naive class does.
        for client in self._clients.values():
            client.send(frame)

    def collect(self) -> dict[str, Any]:
        gc.collect()
        return {}


def main() -> None:
    options = Options.from_argv()
    raise_open_files()
    pin(options.cpu)
    BareLoop(options).run()


if __name__ == "__main__":
    main()

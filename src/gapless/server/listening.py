"""Sockets that listen, and whether they do so on this machine only."""

from __future__ import annotations

import errno
import ipaddress
import socket

from ..errors import ConfigError

BACKLOG = 2048
"""Connections that wait to be accepted; the kernel may allow fewer."""


def listen(
    host: str, port: int, *, shared: bool = False, backlog: int | None = BACKLOG
) -> list[socket.socket]:
    """Bound sockets for every address of the host, all with the same port; port 0 takes a free one.

    `shared` ones are among several on this port, over which the system spreads connections.
    Without a `backlog` they only keep the port: they do not listen.

    Raises:
        ConfigError: no such host, the port is taken or not allowed.
    """
    sockets: list[socket.socket] = []
    for family, address in _addresses(host, port):
        try:
            same = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_bind(family, (address, same), shared, backlog))
        except OSError as error:
            if sockets and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue  # a name with an IPv6 address on a machine without IPv6
            for bound in sockets:
                bound.close()
            raise ConfigError(_cannot_bind(host, port, error)) from None
    return sockets


def is_loopback(host: str) -> bool:
    """Does every address of this host lead to this machine only? Raises ConfigError for an unknown host."""
    return all(ipaddress.ip_address(address).is_loopback for _, address in _addresses(host, 0))


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise ConfigError(f"host {host!r} is no address of this machine; try 127.0.0.1 or 0.0.0.0") from None
    # IPv4 first: it is what people mean when they write localhost.
    pairs = {(family, str(address[0])): None for family, _, _, _, address in found}
    return sorted(pairs, key=lambda pair: pair[0] != socket.AF_INET)


def _bind(
    family: socket.AddressFamily, address: tuple[str, int], shared: bool, backlog: int | None
) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        if backlog is not None:
            bound.listen(backlog)  # at once: of two servers that only bind, both would succeed
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def _cannot_bind(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is taken; end what listens there or choose another with --port"
        case errno.EACCES:
            return f"port {port} needs more rights; choose one above 1023 with --port"
        case errno.EADDRNOTAVAIL:
            return f"host {host!r} is no address of this machine; try 127.0.0.1 or 0.0.0.0"
        case _:
            return f"cannot listen on port {port} of {host}: {error.strerror}"

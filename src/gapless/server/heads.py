"""What is wrong with the head of a request that is whole and within its bounds. Pure.

Status codes follow RFC 9110, sections 15.5.15, 15.5.22, 15.6.2 and 15.6.6, RFC 9112, sections 3.2 and
6.1, RFC 6455, section 4.4, and RFC 6585, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit


class Refusal(NamedTuple):
    """What a head is answered with: a status, and what stands behind it in the first line."""

    status: int
    phrase: bytes


BAD_REQUEST = Refusal(400, b"Bad Request")
UPGRADE_REQUIRED = Refusal(426, b"Upgrade Required\r\nsec-websocket-version: 13")
URI_TOO_LONG = Refusal(414, b"URI Too Long")
HEADERS_TOO_LARGE = Refusal(431, b"Request Header Fields Too Large")
NOT_IMPLEMENTED = Refusal(501, b"Not Implemented")
VERSION_NOT_SUPPORTED = Refusal(505, b"HTTP Version Not Supported")


class Head(NamedTuple):
    """As a parser gives it: names of headers in lower case."""

    method: bytes
    version: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]

    def values(self, name: bytes) -> list[bytes]:
        """Of each header of this name."""
        return [value for found, value in self.headers if found == name]


def fault(head: Head, *, websocket: bool) -> Refusal | None:
    """What is wrong with it; `websocket` says that it asks for one."""
    if head.version not in ("1.0", "1.1"):
        return VERSION_NOT_SUPPORTED
    if head.method == b"CONNECT":
        return NOT_IMPLEMENTED  # what follows would be no request any more
    is_old = head.version == "1.0"
    hosts = head.values(b"host")
    if len(hosts) > 1 or (not hosts and not is_old):
        return BAD_REQUEST
    if hosts and b"://" in head.target[:8] and urlsplit(head.target).netloc.lower() != hosts[0].lower():
        return BAD_REQUEST
    encodings = [value.strip().lower() for value in head.values(b"transfer-encoding")]
    if encodings and is_old:
        return BAD_REQUEST  # who sent it along may have taken the body for something else
    if encodings not in ([], [b"chunked"]):
        return NOT_IMPLEMENTED
    return _fault_of_upgrade(head) if websocket else None


def _fault_of_upgrade(head: Head) -> Refusal | None:
    known = dict(head.headers)
    if known.get(b"sec-websocket-version", b"13") != b"13":
        return UPGRADE_REQUIRED
    if head.version == "1.0" or b"transfer-encoding" in known or known.get(b"content-length", b"0") != b"0":
        return BAD_REQUEST  # a body would be taken for frames
    return None

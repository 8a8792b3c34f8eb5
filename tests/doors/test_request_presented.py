"""Where a client's token may stand."""

from __future__ import annotations

from typing import Any

import pytest

from gapless.doors.request import Request, by_header, presented_token


def scope(query: bytes = b"", *headers: tuple[bytes, bytes], subprotocols: list[str] | None = None) -> Any:
    return {"headers": headers, "query_string": query, "client": None, "subprotocols": subprotocols or []}


BEARER = (b"authorization", b"bEaReR  inheader ")


@pytest.mark.parametrize(
    ("asked", "token", "header"),
    [
        (scope(), "", True),
        (scope(b"", BEARER), "inheader", True),
        (scope(b"", (b"authorization", b"Basic YTpi")), "", True),
        (scope(b"", (b"authorization", b"Bearer")), "", True),
        (scope(b"token=inquery", BEARER), "inquery", False),
        (scope(b"token=a&token=b"), "b", False),
        (scope(b"token="), "", True),
        (scope(b"token=q", subprotocols=["gapless.bearer", "insubprotocol"]), "insubprotocol", False),
        (scope(subprotocols=["other", "gapless.bearer", "t"]), "t", False),
        (scope(subprotocols=["gapless.bearer"]), "", True),
        (scope(subprotocols=["t", "gapless.bearer"]), "", True),
    ],
)
def test_the_nearest_to_the_hub_counts(asked: Any, token: str, header: bool) -> None:
    request = Request.of(asked)
    assert (presented_token(asked, request), by_header(asked, request)) == (token, header)

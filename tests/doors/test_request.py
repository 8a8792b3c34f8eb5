"""What a request is: its scope read once, its body within bounds, and what cannot be read."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request as HttpRequest

from gapless import Limits
from gapless.doors.request import QUERY_FIELDS, Refused, Request, Unreadable, read_body, read_query

from ..support.virtual import VirtualLoop

pytestmark = pytest.mark.anyio


@settings(max_examples=500, deadline=None)
@given(st.text("ab=&;%+2C~@:-_.#/ é", max_size=40))
def test_a_query_string_is_read_as_urllib_reads_it(text: str) -> None:
    raw = text.encode()
    try:
        expected = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        with pytest.raises(Refused, match="400: the query cannot be read"):
            read_query(raw)
    else:
        assert read_query(raw) == expected


@pytest.mark.parametrize("field", [b"a=1", b"a=%31"], ids=["plain", "escaped"])
def test_a_query_has_a_bound(field: bytes) -> None:
    assert len(read_query(b"&".join([field] * QUERY_FIELDS))) == QUERY_FIELDS
    with pytest.raises(Refused, match="400"):
        read_query(b"&".join([field] * (QUERY_FIELDS + 1)))


class TestScopes:
    def read(self, *headers: tuple[bytes, bytes], **scope: Any) -> Request:
        return Request.of({"headers": headers, "query_string": b"", **scope})

    def test_a_scope_is_read_once(self) -> None:
        request = self.read((b"host", b"h"), (b"x", b"\xe9"), query_string=b"a=1&a=2", client=("10.0.0.1", 7))
        assert request.headers == {"host": "h", "x": "é"}
        assert (request.query, request.address) == ([("a", "1"), ("a", "2")], "10.0.0.1")

    @pytest.mark.parametrize("scope", [{}, {"client": None}])
    def test_a_peer_without_an_address_has_none(self, scope: dict[str, Any]) -> None:
        assert self.read(**scope).address == ""

    def test_all_origins_are_seen_and_of_other_headers_the_last(self) -> None:
        """Two origins mean a request that somebody has put together."""
        request = self.read((b"origin", b"a"), (b"x", b"1"), (b"origin", b"b"), (b"x", b"2"))
        assert (request.origins, request.headers["x"]) == (("a", "b"), "2")
        assert self.read().origins == ()

    @pytest.mark.parametrize(
        ("sent", "cookies"),
        [
            (b"a=1; b=two", {"a": "1", "b": "two"}),
            (b'a="x y"', {"a": "x y"}),
            (b"\x00=;;", {}),
            (b"/=1", {}),
            (b"", {}),
        ],
    )
    def test_cookies_are_read_as_far_as_they_can_be(self, sent: bytes, cookies: dict[str, str]) -> None:
        assert self.read((b"cookie", sent)).cookies == cookies

    def test_without_the_header_there_are_none(self) -> None:
        assert self.read().cookies == {}


class TestBodies:
    """Whatever is wrong with a body, its sender is told by the status."""

    async def read(
        self, *pieces: bytes | None, kind: str | None = "application/json", size: str = "", **how: Any
    ) -> bytes:
        """Read a body that comes in these pieces; at None the client leaves."""
        headers = [(b"content-type", kind.encode())] if kind is not None else []
        if size:
            headers.append((b"content-length", size.encode()))
        coming = iter(pieces)

        async def receive() -> dict[str, Any]:
            piece = next(coming, b"")
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": bool(piece)}

        request = HttpRequest({"type": "http", "method": "POST", "headers": headers}, receive)
        return await read_body(request, Limits(), max_bytes=4, **how)

    async def refused(self, *pieces: bytes | None, **how: Any) -> int:
        with pytest.raises(Unreadable) as refused:
            await self.read(*pieces, **how)
        return refused.value.status

    async def test_the_pieces_are_one_body(self) -> None:
        assert await self.read(b"ab", b"cd") == b"abcd"
        assert await self.read() == b""

    async def test_a_larger_one_is_413_whatever_it_is_declared_as(self) -> None:
        assert await self.refused(b"abc", b"de") == 413
        assert await self.refused(b"a", size="5") == 413
        assert await self.read(b"abcd", size="4") == b"abcd"

    async def test_one_that_is_declared_as_something_else_is_415_and_names_what_is_taken(self) -> None:
        assert await self.refused(kind="text/plain") == 415
        with pytest.raises(Unreadable, match="application/json or text/csv"):
            await self.read(kind=None, kinds=("application/json", "text/csv"))

    async def test_parameters_and_case_of_the_type_mean_nothing(self) -> None:
        assert await self.read(b"a", kind="Application/JSON; charset=utf-8") == b"a"

    async def test_one_declared_as_nothing_is_taken_where_that_is_allowed(self) -> None:
        assert await self.read(b"a", kind=None, undeclared=True) == b"a"
        assert await self.refused(b"a", kind="text/plain", undeclared=True) == 415

    async def test_a_client_that_leaves_in_the_middle_is_400(self) -> None:
        assert await self.refused(b"ab", None) == 400

    def test_one_that_does_not_come_in_time_is_408(self) -> None:
        loop = VirtualLoop()

        async def never() -> dict[str, Any]:
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nobody sends anything")

        request = HttpRequest(
            {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}, never
        )
        try:
            with pytest.raises(Unreadable, match="within 7") as refused:
                loop.run(read_body(request, Limits(body_seconds=7), max_bytes=4))
            assert refused.value.status == 408
        finally:
            loop.end()

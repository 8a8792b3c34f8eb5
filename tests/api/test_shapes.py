"""How things look in an API answer."""

from __future__ import annotations

import orjson

from gapless.api.shapes import error_shape, member_shape, publication_shape
from gapless.errors import BrokerError, Overloaded, UnknownChannel
from gapless.model import Member, Publication


def test_a_publication_is_its_payload_as_it_stands() -> None:
    assert orjson.dumps(publication_shape(Publication(b'{"a":1.50}', 3))) == b'{"data":{"a":1.50},"offset":3}'


def test_tags_and_publisher_are_there_where_they_are() -> None:
    publication = Publication(b"1", 3, tags={"k": "v"}, info=Member("client", "anna"))
    assert orjson.loads(orjson.dumps(publication_shape(publication))) == {
        "data": 1,
        "offset": 3,
        "tags": {"k": "v"},
        "info": {"user": "anna", "client": "client"},
    }


def test_what_a_member_says_of_itself_is_passed_on() -> None:
    member = Member("client", "anna", b'{"b":1}', b"[2]")
    assert orjson.dumps(member_shape(member)) == (
        b'{"user":"anna","client":"client","conn_info":{"b":1},"chan_info":[2]}'
    )


def test_a_refusal_is_told_and_anything_inside_is_not() -> None:
    assert error_shape(UnknownChannel()) == {"code": 102, "message": "unknown channel"}
    for error in (BrokerError("the disk at /secret is full"), Overloaded(2, 1), RuntimeError("a bug")):
        assert error_shape(error) == {"code": 100, "message": "internal server error"}

"""How publications and members look in an API answer."""

from __future__ import annotations

import orjson

from gapless.api.reading import member_shape, publication_shape
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

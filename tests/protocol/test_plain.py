"""The plain protocol's words: what goes out, byte for byte, and what is understood of what comes in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapless.model import History, Member, Position, Publication
from gapless.protocol import plain
from gapless.protocol.plain import (
    BadCommand,
    Ping,
    Publish,
    ReadHistory,
    ReadPresence,
    Subscribe,
    Unsubscribe,
)

WHO = Member("c1", "42")


# -- out


def test_an_item_passes_the_payload_on_byte_for_byte() -> None:
    payload = b'{"a": 1.0e5, "b":"\\u00e9"}'
    assert plain.item(Publication(payload, 7, "e")) == b'{"offset":7,"data":' + payload + b"}"
    assert plain.item(Publication(payload)) == b'{"data":' + payload + b"}"


def test_an_item_shows_tags_and_who_published_beside_the_data() -> None:
    publication = Publication(b"1", 7, "e", tags={"k": "ü"}, info=Member("c", "u", b'{"n":1}', b"[]"))
    assert plain.item(publication).decode() == (
        '{"offset":7,"data":1,"tags":{"k":"ü"},'
        '"info":{"user":"u","client":"c","conn_info":{"n":1},"chan_info":[]}}'
    )


def test_live_and_batch_frames_name_their_channel() -> None:
    first, second = (plain.item(Publication(b"1", n, "e")) for n in (1, 2))
    assert plain.live('a"b', first) == b'{"channel":"a\\"b","offset":1,"data":1}'
    assert plain.batch("logs", [first, second]) == (
        b'{"channel":"logs","batch":[{"offset":1,"data":1},{"offset":2,"data":1}]}'
    )


def test_a_history_frame_says_where_the_stream_stands() -> None:
    assert plain.history("logs", Position(3, "e"), 2, b'{"offset":2,"data":1}', more=True) == (
        b'{"channel":"logs","epoch":"e","oldest":2,"head":3,"history":[{"offset":2,"data":1}],"more":true}'
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"recovered": True}, {"recovered": True}),
        ({"recovered": False, "lost": (5, 9)}, {"recovered": False, "lost": {"from": 5, "to": 9}}),
        ({"recovered": False, "lost": (5, None)}, {"recovered": False, "lost": {"from": 5, "to": None}}),
        ({"id": 0}, {"id": 0}),
        ({"id": "a"}, {"id": "a"}),
        ({}, {}),
    ],
)
def test_what_a_history_frame_may_say_besides(said: dict[str, Any], expected: dict[str, Any]) -> None:
    frame = json.loads(plain.history("logs", Position(0, ""), 0, b"", more=False, **said))
    assert (
        frame
        == {
            "channel": "logs",
            "epoch": "",
            "oldest": 0,
            "head": 0,
            "history": [],
            "more": False,
        }
        | expected
    )


def test_a_gap_counts_only_what_was_counted() -> None:
    assert plain.gap("logs", 4, 9, "trimmed", "e", 0) == (
        b'{"channel":"logs","gap":{"from":4,"to":9,"reason":"trimmed","epoch":"e"}}'
    )
    assert plain.gap("now", None, None, "unnumbered", "", 5) == (
        b'{"channel":"now","gap":{"from":null,"to":null,"reason":"unnumbered","epoch":"","count":5}}'
    )


def test_joins_and_leaves() -> None:
    assert plain.joined("room", WHO) == b'{"channel":"room","join":{"user":"42","client":"c1"}}'
    assert plain.left("room", WHO) == b'{"channel":"room","leave":{"user":"42","client":"c1"}}'


def test_answers_carry_the_id_of_their_command() -> None:
    assert plain.pong() == b'{"type":"pong"}'
    assert plain.pong(0) == b'{"type":"pong","id":0}'
    assert plain.published("a", None, None) == b'{"type":"published","channel":"a"}'
    assert plain.published("a", Position(7, "e"), "x") == (
        b'{"type":"published","channel":"a","epoch":"e","offset":7,"id":"x"}'
    )
    assert plain.unsubscribed("a", 1) == b'{"type":"unsubscribed","channel":"a","id":1}'
    assert plain.unsubscribed("a", None, 2000, "bye") == (
        b'{"type":"unsubscribed","channel":"a","code":2000,"reason":"bye"}'
    )
    assert plain.present("a", {"c1": WHO}, 4) == (
        b'{"type":"presence","channel":"a","id":4,"presence":{"c1":{"user":"42","client":"c1"}}}'
    )
    found = History([Publication(b"1", 7, "e"), Publication(b"2", 8, "e")], Position(8, "e"), 7)
    assert plain.page("a", found, 5) == (
        b'{"type":"history","channel":"a","epoch":"e","oldest":7,"head":8,"more":false,"id":5,'
        b'"publications":[{"offset":7,"data":1},{"offset":8,"data":2}]}'
    )
    assert plain.error(107, "what") == b'{"type":"error","code":107,"message":"what"}'
    assert plain.error(102, "what", 3, "a") == (
        b'{"type":"error","code":102,"message":"what","channel":"a","id":3}'
    )


# -- in


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("ping", Ping()),
        ('{"type":"ping"}', Ping()),
        (' {"id": 1, "type": "ping", "more": []} ', Ping(1)),
        ('{"type":"subscribe","channel":"a"}', Subscribe("a")),
        (
            '{"type":"subscribe","channel":"a","history":0,"joins":true,"id":"x"}',
            Subscribe("a", 0, None, True, "x"),
        ),
        ('{"type":"subscribe","channel":"a","since":"e:7"}', Subscribe("a", None, Position(7, "e"))),
        ('{"type":"subscribe","channel":"a","since":":0"}', Subscribe("a", None, Position(0, ""))),
        ('{"type":"unsubscribe","channel":"\\u00e9"}', Unsubscribe("é")),
        ('{"type":"presence","channel":"a","id":1}', ReadPresence("a", 1)),
        ('{"type":"history","channel":"a"}', ReadHistory("a")),
        (
            '{"type":"history","channel":"a","since":"e:7","limit":3,"reverse":true,"id":0}',
            ReadHistory("a", Position(7, "e"), 3, True, 0),
        ),
        ('{"type":"publish","channel":"a","data":null}', Publish("a", b"null")),
        ('{"type":"publish","channel":"a","data":{"x": 1.0e5}}', Publish("a", b'{"x": 1.0e5}')),
        ('{"type":"publish","channel":"a","data":[1,\r\n2]}', Publish("a", b"[1,2]")),
    ],
)
def test_a_command_is_understood(text: str, command: plain.Command) -> None:
    assert plain.decode(text) == command


def test_a_bad_command_knows_the_id_and_the_channel_as_far_as_they_were_understood() -> None:
    with pytest.raises(BadCommand) as caught:
        plain.decode('{"id":5,"type":"publish","channel":"a"}')
    assert (caught.value.id, caught.value.channel) == (5, "a")
    with pytest.raises(BadCommand) as caught:
        plain.decode('{"id":5,"type":"subscribe","channel":"a","history":-1}')
    assert (caught.value.id, caught.value.channel) == (5, "a")
    with pytest.raises(BadCommand) as caught:
        plain.decode('{"id":-5,"type":"unsubscribe","channel":"a"}')
    assert (caught.value.id, caught.value.channel) == (None, "a")


BEYOND = {
    "half an emoji": r'"Hi \ud83d"',
    "half an emoji in a key": r'{"\ude00":1}',
    "more digits": "123456789012345678901",
    "very many digits": "1" * 4000,
    "more members": json.dumps({str(n): n for n in range(1001)}),
    "more levels": "[" * 70 + "]" * 70,
    "a key twice": '{"k":1,"k":2}',
    "no JSON number": "NaN",
    "a float that overflows": "1e999",
}
SHAPES = ('{"type":"publish","id":7,"channel":"a","data":%s}', '{"data":%s,"channel":"a","id":7}')


@pytest.mark.parametrize("data", BEYOND.values(), ids=BEYOND)
@pytest.mark.parametrize("shape", SHAPES)
def test_data_that_is_refused_still_tells_whom_to_answer(shape: str, data: str) -> None:
    with pytest.raises(BadCommand) as caught:
        plain.decode(shape % data)
    assert (caught.value.id, caught.value.channel) == (7, "a")


@pytest.mark.parametrize(
    ("text", "addressee"),
    [
        (r'{"id":"\ud83d","channel":"a","data":1}', (None, "a")),
        (r'{"id":1,"channel":"\ud83d","data":1}', (1, None)),
        ('{"id":[1],"channel":2,"data":NaN}', (None, None)),
        ('{"id":1,"channel":"a","data":{', (None, None)),
        ('{"id":1,"channel":"a","data":' + "[" * 100_000, (1, "a")),
        ('{"id":1,"x":[],"channel":"a","data":' + "[" * 100_000, (1, None)),
        ('{"id":' + "1" * 5000 + ',"channel":"a"}', (None, None)),
        ("[1]", (None, None)),
        ('"', (None, None)),
        ("", (None, None)),
    ],
)
def test_who_cannot_be_told_apart_or_named_is_not(text: str, addressee: tuple[Any, Any]) -> None:
    with pytest.raises(BadCommand) as caught:
        plain.decode(text)
    assert (caught.value.id, caught.value.channel) == addressee
    assert plain.error(107, "it can be said", *addressee)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"publish","channel":"a","data":' + "[" * 70 + "]" * 70 + "}",
        '{"type":"publish","channel":"a","data":123456789012345678901}',
        '{"type":"publish","channel":"a","data":{"k":1,"k":2}}',
        '{"type":"publish","channel":"a","data":Infinity}',
        '{"type":"publish","channel":"a","data":1e999}',
        '{"type":"publish","channel":"a","data":"\\ud800"}',
        '{"type":"publish","channel":"a","data":"\ud800"}',
        '{"type":"publish","channel":"a","data":1} x',
        "\ufeff{}",
    ],
)
def test_data_that_some_client_could_not_read_is_refused(text: str) -> None:
    with pytest.raises(BadCommand):
        plain.decode(text)

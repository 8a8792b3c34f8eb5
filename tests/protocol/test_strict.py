"""JSON from strangers is strictly RFC 8259, bounded, and passed on byte for byte."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext

import pytest

from gapless.protocol import strict
from gapless.protocol.strict import Malformed

REFUSED: dict[str, bytes | str] = {
    "nothing": b"",
    "only whitespace": b" \n",
    "NaN": b"NaN",
    "NaN inside": b'{"a":NaN}',
    "Infinity": b"Infinity",
    "minus Infinity": b"[-Infinity]",
    "a float that overflows": b"[1e999]",
    "a negative float that overflows": b"-1e400",
    "a float that overflows without exponent": b"1" * 400 + b".0",
    "a duplicate key": b'{"a":1,"a":1}',
    "a duplicate key inside": b'[{"b":{"a":1,"c":2,"a":1}}]',
    "a duplicate key that is escaped differently": b'{"a":1,"\\u0061":1}',
    "a lone surrogate": b'"\\ud800"',
    "a lone low surrogate": b'["\\udc00"]',
    "a lone surrogate in a key": b'{"\\ud800":1}',
    "a surrogate written as UTF-8": b'"\xed\xa0\x80"',
    "a surrogate in a str": '"\ud800"',
    "invalid UTF-8": b'"\xff"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a byte order mark in a str": "\ufeff{}",
    "UTF-16": "{}".encode("utf-16-le"),
    "trailing garbage": b"{} x",
    "two documents": b"{}{}",
    "a NUL": b"{}\x00",
    "a trailing comma": b"[1,]",
    "a leading zero": b"01",
    "a plus sign": b"+1",
    "a bare minus": b"-",
    "a point without digits": b"1.",
    "single quotes": b"{'a':1}",
    "a raw newline in a string": b'"a\nb"',
    "a control character in a string": b'"\x1f"',
    "a comment": b"{}//",
    "vertical tab as whitespace": b"\x0b1",
    "an unclosed object": b'{"a":1',
    "an unclosed string": b'"a',
    "depth far beyond every limit": b"[" * 100_000,
    "closed depth far beyond every limit": b"[" * 5000 + b"]" * 5000,
}


TWICE = [raw for name, raw in REFUSED.items() if "duplicate key" in name]


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(raw: bytes | str) -> None:
    with pytest.raises(Malformed):
        strict.parse(raw)
    with pytest.raises(Malformed):
        strict.fields(raw)
    try:
        strict.payload(raw)
    except Malformed:
        return
    assert raw in TWICE, "what an application may write in its own data"


@pytest.mark.parametrize("raw", [b'"\\ud83d"', b'"\\ude00"', b'{"\\ud83d":1}', '"\ud83d"'])
def test_half_an_emoji_is_called_so(raw: bytes | str) -> None:
    with pytest.raises(Malformed, match="an emoji cut in two"):
        strict.parse(raw)


@pytest.mark.parametrize("fault", [b"NaN", b'{"a":1,"a":1}', b"9" * 21, b"[" * 70 + b"]" * 70, b"}"])
def test_the_reason_is_short_and_repeats_nothing_of_the_input(fault: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        strict.parse(b'{"secret":' + fault + b"}")
    assert "secret" not in str(caught.value)
    assert 0 < len(str(caught.value)) < 80


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"null", None),
        (b" [1, 2.5, -0, true] ", [1, 2.5, 0, True]),
        (b'"\\ud83d\\ude00"', "😀"),
        ('{"é":"ü"}', {"é": "ü"}),
        (b"18446744073709551616", 2**64),
        (b"-18446744073709551616", -(2**64)),
        (b"1e-999", 0.0),
        (b'{"":{"":{}}}', {"": {"": {}}}),
    ],
)
def test_accepts(raw: bytes | str, value: object) -> None:
    found = strict.parse(raw)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_depth_is_bounded_exactly(opening: bytes) -> None:
    closing = opening.translate(bytes.maketrans(b"[{", b"]}"), b'"a:')[::-1]
    levels = len(closing)

    def nested(depth: int) -> bytes:
        return opening * (depth // levels) + b"1" + closing * (depth // levels)

    strict.parse(nested(64))
    with pytest.raises(Malformed, match="deeper than 64"):
        strict.parse(nested(64 + levels))
    strict.parse(nested(6), strict.Bounds(depth=6))
    with pytest.raises(Malformed, match="deeper than 4"):
        strict.parse(nested(6), strict.Bounds(depth=4))


def test_brackets_in_strings_and_siblings_are_no_depth() -> None:
    strict.parse(json.dumps(["[{" * 100, '\\"[', {"[" * 70: "{"}]), strict.Bounds(depth=2))
    strict.parse(b"[" + b",".join([b"[]"] * 500) + b"]", strict.Bounds(depth=2))


def test_a_depth_beyond_the_interpreter_is_refused_all_the_same() -> None:
    # From 3.12 on the interpreter goes deeper than orjson, which refuses what lies beyond 1,024.
    for levels in (1020, 1030):
        refused = pytest.raises(Malformed) if sys.version_info < (3, 12) or levels > 1024 else nullcontext()
        with refused:
            strict.parse(b"[" * levels + b"]" * levels, strict.Bounds(depth=10**6))


def test_members_of_one_object_are_bounded_exactly() -> None:
    thousand = json.dumps({str(n): n for n in range(1000)})
    strict.parse(thousand)
    strict.fields(thousand)
    strict.parse(f"[{thousand},{thousand}]")
    more = json.dumps({str(n): n for n in range(1001)})
    for refuse in (strict.parse, strict.fields, strict.payload):
        with pytest.raises(Malformed, match="1000 members"):
            refuse(more)
    with pytest.raises(Malformed, match="2 members"):
        strict.fields('{"a":{"b":1,"c":2,"d":3}}', strict.Bounds(members=2))


@pytest.mark.parametrize("blank", ["", " "])
def test_how_it_is_written_changes_nothing(blank: str) -> None:
    """What needs no second look is bounded as what does."""
    strict.fields(blank + '{"a":"\\":\\":\\":","b":1}', strict.Bounds(members=2))
    with pytest.raises(Malformed, match="1 members"):
        strict.payload(blank + '[{"a":1,"b":2}]', strict.Bounds(members=1))
    with pytest.raises(Malformed, match="deeper than 2"):
        strict.parse(blank + "[[[]]]", strict.Bounds(depth=2))
    with pytest.raises(Malformed, match="20 digits"):
        strict.parse(blank + '{"a":123456789012345678901}')
    found = strict.fields(blank + '{"a":{"b":[1.5,18446744073709551615,{"c":"\\n"}]}}')["a"].fields()["b"]
    assert found.raw == b'[1.5,18446744073709551615,{"c":"\\n"}]'
    assert found.items()[2].fields()["c"].raw == b'"\\n"'
    assert found.items()[1].value == 2**64 - 1


@pytest.mark.parametrize("sign", ["", "-"])
def test_digits_of_a_whole_number_are_bounded_exactly(sign: str) -> None:
    assert strict.parse(sign + "9" * 20) == int(sign + "9" * 20)
    with pytest.raises(Malformed, match="20 digits"):
        strict.parse(f'{{"a":[{sign}{"9" * 21}]}}')
    with pytest.raises(Malformed, match="3 digits"):
        strict.fields(f'{{"a":{sign}1234}}', strict.Bounds(digits=3))


def test_objects_and_arrays_are_bounded_exactly_before_anything_is_read() -> None:
    for read in (strict.parse, strict.fields, strict.payload):
        read('{"a":[{},[[]]],"b":1}', strict.Bounds(containers=5))
        with pytest.raises(Malformed, match="more than 4 objects and arrays"):
            read('{"a":[{},[[]]],"b":1}', strict.Bounds(containers=4))
        with pytest.raises(Malformed, match="more than 4 objects and arrays"):
            read(b"{[{[{ and what is no JSON", strict.Bounds(containers=4))


def test_brackets_in_strings_are_no_objects_and_arrays() -> None:
    text = json.dumps({"a": "[{" * 100, '\\"[[[[': '"{\\'})
    assert strict.parse(text, strict.Bounds(containers=1)) == json.loads(text)
    assert strict.payload(text.encode(), strict.Bounds(containers=1)) == text.encode()


def test_what_has_too_many_is_told_apart_before_the_first_of_them() -> None:
    text = '{"id":1,"channel":"a","data":[[[]]],"x":2}'
    assert list(strict.loose_fields(text, strict.Bounds(containers=3))) == ["id", "channel"]
    assert list(strict.loose_fields(text, strict.Bounds(containers=4))) == ["id", "channel", "data", "x"]


def test_digits_in_strings_and_fractions_do_not_count() -> None:
    strict.parse('["' + "9" * 100 + '", 0.' + "1" * 100 + "]")


def test_fields_give_the_value_and_its_source() -> None:
    found = strict.fields(b' {"a" : {"x": 1.50, "y":"\\u00e9"} ,"b":[ 1,2 ],"c":"d" } ')
    assert {key: member.value for key, member in found.items()} == {
        "a": {"x": 1.5, "y": "é"},
        "b": [1, 2],
        "c": "d",
    }
    assert found["a"].raw == b'{"x": 1.50, "y":"\\u00e9"}'
    assert found["b"].raw == b"[ 1,2 ]"
    assert found["c"].raw == b'"d"'
    assert strict.fields("{}") == {}


def test_fields_go_down_level_by_level() -> None:
    data = strict.fields('{"publish": {"data": {"a": 1e2}}}')["publish"].fields()["data"]
    assert data.value == {"a": 100.0}
    assert data.raw == b'{"a": 1e2}'


def test_of_many_members_the_first_are_told_apart() -> None:
    text = json.dumps({str(number): number for number in range(9)})
    assert list(strict.loose_fields(text, strict.Bounds(members=3))) == ["0", "1", "2"]


def test_what_was_told_apart_once_is_at_hand() -> None:
    found = strict.fields('{"list": [{"a": 1}]}')["list"]
    assert found.items() is found.items()
    assert found.items()[0].fields() is found.items()[0].fields()


def test_items_give_the_elements_and_their_sources() -> None:
    found = strict.fields('{"list": [ 1.50, {"a": [2]} ,"b",[]], "none": [ ], "no": 1}')
    assert [element.value for element in found["list"].items()] == [1.5, {"a": [2]}, "b", []]
    assert [element.raw for element in found["list"].items()] == [b"1.50", b'{"a": [2]}', b'"b"', b"[]"]
    assert found["list"].items()[1].fields()["a"].raw == b"[2]"
    assert found["none"].items() == []
    with pytest.raises(Malformed, match="not an array"):
        found["no"].items()


def test_raw_newlines_are_the_only_change() -> None:
    source = b'{"data":\n{ "a":\r\n1,\t"b":"\\n" }\r}'
    assert strict.fields(source)["data"].raw == b'{ "a":1,\t"b":"\\n" }'
    assert strict.payload(b'\n{ "a":\r\n1 }\n') == b'{ "a":1 }'


def test_a_source_beyond_ascii_is_kept_byte_for_byte() -> None:
    source = '{"é":"😀","data":"日本 \\ud83d\\ude00"}'
    assert strict.fields(source.encode())["data"].raw == '"日本 \\ud83d\\ude00"'.encode()
    assert strict.payload(source) == source.encode()


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"{}"', b"null"])
def test_only_an_object_has_fields(raw: bytes) -> None:
    with pytest.raises(Malformed, match="not an object"):
        strict.fields(raw)
    with pytest.raises(Malformed, match="not an object"):
        strict.fields(b'{"a":' + raw + b"}")["a"].fields()


@pytest.mark.parametrize(
    "text", ["", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', "{1:1}", "{{}:1}", "[" * 9999, "[]"]
)
def test_what_cannot_be_told_apart_has_no_loose_fields(text: str) -> None:
    with pytest.raises(Malformed):
        strict.loose_fields(text)


def test_loose_fields_tell_where_a_fault_lies() -> None:
    source = '{"id":1, "data": [NaN, "\\ud800"] , "x":{"a":1,"a":2}}'
    found = strict.loose_fields(source)
    assert list(found) == ["id", "data", "x"]
    assert found["data"].replaced("null") == '{"id":1, "data": null , "x":{"a":1,"a":2}}'
    assert found["x"].replaced("0") == '{"id":1, "data": [NaN, "\\ud800"] , "x":0}'

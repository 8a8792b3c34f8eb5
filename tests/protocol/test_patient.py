"""JSON that is read patiently is what it would be if it were read at once."""

from __future__ import annotations

import orjson
import pytest

from gapless.protocol import patient
from gapless.protocol.strict import Malformed, TooMany

LONG: dict[str, bytes] = {
    "nothing": b"[]",
    "nested": b' [ {"a" : [1, {"b": []}]},\n[2] ,"c", null,-1.5e3, true, 18446744073709551616] \r\n',
    "many arrays": b"[" + b",".join([b"[1,[]]"] * 40_000) + b"]",
    "text": '["[", "\\\\", "\\"]", "é 日本"]'.encode(),
}


@pytest.mark.parametrize("raw", LONG.values(), ids=LONG)
def test_what_is_read_patiently_is_what_is_read_at_once(raw: bytes) -> None:
    found: list[object] = orjson.loads(raw)
    assert patient.parse(raw) == found
    elements = patient.elements(raw)
    assert [orjson.loads(one) for one in elements] == found
    assert all(one in raw or b"\n" in raw for one in elements)


@pytest.mark.parametrize(
    "fault", [b"", b"[", b"[1", b"[1,]", b"[1 2]", b"[1]]", b"[1:2]", b"[NaN]", b"\xff", b"[01]"]
)
@pytest.mark.parametrize("many", [b"", b"[]," * 70_000], ids=["short", "dense"])
def test_what_is_no_json_is_none_however_it_is_read(fault: bytes, many: bytes) -> None:
    raw = fault.replace(b"[", b"[" + many, 1)
    for read in (patient.parse, patient.elements):
        with pytest.raises(Malformed):
            read(raw)


def test_a_number_that_is_read_patiently_is_as_orjson_has_it() -> None:
    for text in (b"[18446744073709551615]", b"[18446744073709551616]", b"[-9223372036854775809]", b"[0.1]"):
        assert patient.parse(text) == orjson.loads(text)
    with pytest.raises(Malformed):
        patient.parse(b"[1e999]")


def test_an_array_has_so_many_elements_and_no_more() -> None:
    assert patient.elements(b"[1,2,[3]]", most=3) == [b"1", b"2", b"[3]"]
    with pytest.raises(TooMany):
        patient.elements(b"[1,2,3,4]", most=3)
    with pytest.raises(Malformed, match="not an array"):
        patient.elements(b"{}")

"""Values of the application as the JSON that is published."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PureWindowsPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import attrs
import msgspec
import numpy
import pytest
from pydantic import BaseModel, Field, RootModel

from gapless.protocol.encode import encode

NAN, INFINITY = float("nan"), float("inf")


class Colour(Enum):
    RED = "red"


class Half(Enum):
    NOTHING = NAN


class Level(IntEnum):
    HIGH = 3


class Name(StrEnum):
    ANN = "Ann"


class Item(BaseModel):
    name: str
    price: Decimal = Decimal("1.10")
    at: datetime | None = None
    weight: float | None = None


class Many(RootModel[list[Item]]):
    pass


class Aliased(BaseModel):
    long_name: int = Field(serialization_alias="longName")


class Struct(msgspec.Struct, rename="camel"):
    long_name: int
    note: str | None = None


@attrs.define
class Box:
    size: int
    inside: Any = None


@dataclass
class Order:
    items: list[Any]
    note: str | None = None
    _hidden: float = field(default=NAN)


class Text(str):
    pass


class Ratio(float):
    pass


Pair = namedtuple("Pair", "left right")


WHEN = datetime(2026, 1, 2, tzinfo=UTC)
WRITTEN = {"price": "1.10", "at": None, "weight": None}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({1: WHEN}, {"1": "2026-01-02T00:00:00+00:00"}),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([Colour.RED, Level.HIGH, Name.ANN, Text("x"), Ratio(0.5)], ["red", 3, "Ann", "x", 0.5]),
        (Order([Item(name="a")]), {"items": [{"name": "a", **WRITTEN}], "note": None}),
        (Many([Item(name="b", at=WHEN)]), [{"name": "b", **WRITTEN, "at": "2026-01-02T00:00:00Z"}]),
        (Aliased(long_name=1), {"long_name": 1}),
        (Struct(1), {"longName": 1, "note": None}),
        (Box(1, Box(2)), {"size": 1, "inside": {"size": 2, "inside": None}}),
        (Decimal("0.1000000000000000000001"), "0.1000000000000000000001"),
        ([Path("a/b"), PureWindowsPath("c\\d")], ["a/b", "c\\d"]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (Pair(1, [2]), [1, [2]]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ([numpy.int64(5), numpy.float32(0.1), numpy.float64(0.5), numpy.bool_(True)], [5, 0.1, 0.5, True]),
        (numpy.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
        (numpy.arange(6).reshape(2, 3).T, [[0, 3], [1, 4], [2, 5]]),
        (numpy.array(["a", None], dtype=object), ["a", None]),
        (numpy.str_("x"), "x"),
        (2**64 - 1, 2**64 - 1),
    ],
)  # fmt: skip
def test_what_an_application_has_is_written(value: Any, written: Any) -> None:
    encoded = encode(value)
    assert b"\n" not in encoded
    assert json.loads(encoded) == written


def test_a_set_of_what_has_no_order_is_a_list_all_the_same() -> None:
    assert sorted(json.loads(encode({1, "a"})), key=str) == [1, "a"]


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Strange:
    pass


def _at_a_place(value: Any) -> Any:
    return {"items": [1, None, {"ok": 1}, {"price": value}]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Strange(), r"data\.items\[3\]\.price is of the type .*Strange: convert it, or give Hub\(default="),
        (b"bytes", r"data\.items\[3\]\.price is of the type bytes: "),
        (1j, r"data\.items\[3\]\.price is of the type complex: "),
        (NAN, r"data\.items\[3\]\.price is nan, and JSON has no such number"),
        (-INFINITY, r"data\.items\[3\]\.price is -inf, "),
        (numpy.float32("nan"), r"data\.items\[3\]\.price is nan, "),
        (numpy.array([1.0, INFINITY]), r"data\.items\[3\]\.price\[1\] is inf, "),
        (Decimal("NaN"), r"data\.items\[3\]\.price is nan, "),
        (Half.NOTHING, r"data\.items\[3\]\.price is nan, "),
        (Ratio(NAN), r"data\.items\[3\]\.price is nan, "),
        (Item(name="a", weight=NAN), r"data\.items\[3\]\.price\.weight is nan, "),
        (Order([{NAN}]), r"data\.items\[3\]\.price\.items\[0\]\[0\] is nan, "),
        (Box(1, (INFINITY,)), r"data\.items\[3\]\.price\.inside\[0\] is inf, "),
        (Order([Strange()]), r"data\.items\[3\]\.price\.items\[0\] is of the type "),
        ("Hi \ud83d", r"data\.items\[3\]\.price holds half of a surrogate pair"),
        (2**64, r"data\.items\[3\]\.price is a number of more than 64 bits: publish it as a string"),
        (-(2**63) - 1, r"data\.items\[3\]\.price is a number of more than 64 bits"),
        ({1j: 1}, r"data\.items\[3\]\.price has a key of the type complex: '1j'"),
        ({"\ud800": 1}, r"data\.items\[3\]\.price has a key of the type str: '\\ud800'"),
        ({"a key": {"b": Strange()}}, r"data\.items\[3\]\.price\['a key'\]\.b is of the type "),
        (_nested(100_000), r"is nested deeper than 254"),
    ],
)  # fmt: skip
def test_what_json_cannot_hold_is_a_type_error_that_says_what_and_where(value: Any, said: str) -> None:
    with pytest.raises(TypeError, match=f"^data cannot be published as JSON: .*{said}"):
        encode(_at_a_place(value))


def test_a_value_alone_has_its_place_as_well() -> None:
    with pytest.raises(TypeError, match=r": data is of the type .*Strange"):
        encode(Strange())
    with pytest.raises(TypeError, match=": data is nan, "):
        encode(NAN)


def test_null_for_nothing_stays_what_it_is() -> None:
    assert encode([None, "null", {"a": None}, Order([], None), Item(name="null"), b"".decode() or None]) == (
        b'[null,"null",{"a":null},{"items":[],"note":null},'
        b'{"name":"null","price":"1.10","at":null,"weight":null},null]'
    )


class TestDefault:
    """What nobody here knows, the application does."""

    def convert(self, value: Any) -> Any:
        if isinstance(value, Strange):
            return {"strange": None}
        if isinstance(value, complex):
            return [value.real, value.imag]
        raise TypeError(f"what is a {type(value).__name__}")

    def test_it_is_asked_for_the_rest(self) -> None:
        value = [Strange(), 1j, Decimal(1), UUID(int=0), None]
        assert json.loads(encode(value, self.convert)) == [
            {"strange": None},
            [0.0, 1.0],
            "1",
            str(UUID(int=0)),
            None,
        ]

    def test_what_it_does_not_know_either_has_a_place_and_its_words(self) -> None:
        with pytest.raises(
            TypeError, match=r"data\.a\[0\] is of the type bytes, and default says: what is a bytes"
        ):
            encode({"a": [b""]}, self.convert)

    def test_what_it_makes_is_looked_at_like_everything_else(self) -> None:
        with pytest.raises(TypeError, match=r"data\[0\]\[1\] is nan"):
            encode([complex(0, NAN)], self.convert)
        with pytest.raises(TypeError, match=r"data… is nested deeper"):
            encode(Strange(), lambda value: value)

    def test_its_own_faults_are_its_own(self) -> None:
        def broken(value: Any) -> Any:
            raise LookupError("a bug")

        with pytest.raises(LookupError, match="a bug"):
            encode(Strange(), broken)


def test_nothing_of_it_is_asked_for_what_json_has() -> None:
    def convert(value: Any) -> Any:
        raise AssertionError(value)

    data: Mapping[str, Any] = {"a": [1, 2.5, None, True, "null"], "b": {"c": datetime.now(tz=UTC)}}
    assert json.loads(encode(data, convert))["a"] == [1, 2.5, None, True, "null"]

"""The fields of an API call, each with its type."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from gapless import ChannelOptions, Hub
from gapless.api.arguments import BadBody, channel_of, data_of, field, position_of
from gapless.errors import BadRequest, LimitExceeded, UnknownChannel
from gapless.model import Position
from gapless.protocol.strict import Raw, fields

HUB = Hub(channels={"known": ChannelOptions()})


def said(**values: Any) -> Mapping[str, Raw]:
    return fields(orjson.dumps(values))


def test_a_field_that_is_missing_or_null_is_its_default() -> None:
    assert field(said(), "limit", int, 5) == 5
    assert field(said(limit=None), "limit", int, 5) == 5
    assert field(said(limit=0), "limit", int, 5) == 0


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (int, "1", "a whole number"),
        (int, True, "a whole number"),
        (int, 1.5, "a whole number"),
        (str, 1, "a string"),
        (bool, 1, "true or false"),
        (dict, [], "an object"),
        (list, {}, "a list"),
    ],
)
def test_another_type_is_said(kind: type, value: Any, message: str) -> None:
    with pytest.raises(BadBody, match=f"^x is {message}$"):
        field(said(x=value), "x", kind, None)


def test_a_channel_is_one_that_is_declared() -> None:
    assert channel_of(HUB, said(channel="known")) == "known"
    with pytest.raises(BadRequest, match="channel is missing"):
        channel_of(HUB, said())
    with pytest.raises(UnknownChannel):
        channel_of(HUB, said(channel="unknown"))
    with pytest.raises(LimitExceeded):
        channel_of(HUB, said(channel="x" * 256))


def test_a_position_is_an_offset_and_an_epoch() -> None:
    assert position_of(said(), "since") is None
    assert position_of(said(since={"offset": 3, "epoch": "e"}), "since") == Position(3, "e")
    assert position_of(said(since={}), "since") == Position(0, "")


@pytest.mark.parametrize(
    "since", [{"offset": "3"}, {"offset": True}, {"epoch": 1}, {"offset": -1}, {"offset": 2**63}]
)
def test_and_nothing_else(since: dict[str, Any]) -> None:
    with pytest.raises(BadBody, match=r"^since"):
        position_of(said(since=since), "since")


def test_data_stands_as_json_or_in_base64() -> None:
    assert data_of(said(data={"a": [1]}), "data", "b64data") == b'{"a":[1]}'
    encoded = base64.b64encode(b'{"a": 1}').decode()
    assert data_of(said(b64data=encoded), "data", "b64data") == b'{"a": 1}'
    assert data_of(said(), "data", "b64data") is None


@pytest.mark.parametrize(
    ("encoded", "message"), [("%", "is not base64"), (base64.b64encode(b"no json").decode(), "holds no JSON")]
)
def test_data_that_is_neither_is_said(encoded: str, message: str) -> None:
    with pytest.raises(BadRequest, match=f"b64data {message}"):
        data_of(said(b64data=encoded), "data", "b64data")

"""Payloads that are no JSON: packed while they are in the hub, and given back as they were."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless import opaque
from gapless.model import Publication


@given(st.binary())
def test_any_bytes_come_back_as_they_were(raw: bytes) -> None:
    payload = opaque.packed(raw)
    json.loads(payload)  # whatever stores or searches publications reads JSON
    assert opaque.is_packed(payload)
    assert (opaque.unpacked(payload), opaque.size(payload) - len(raw) in (0, 1, 2)) == (raw, True)
    assert opaque.value(payload) == raw
    assert Publication(payload).data == raw


@pytest.mark.parametrize("payload", [b"1", b'"text"', b'{"a":[1]}', b'"\\u0000"'])
def test_json_is_left_alone(payload: bytes) -> None:
    assert not opaque.is_packed(payload)
    assert opaque.unpacked(payload) == payload
    assert opaque.size(payload) == len(payload)
    assert opaque.value(payload) == json.loads(payload)


def test_a_text_that_only_looks_so_stays_what_it_is() -> None:
    payload = b'"\\u0000b64,not base64!"'
    assert opaque.unpacked(payload) == payload

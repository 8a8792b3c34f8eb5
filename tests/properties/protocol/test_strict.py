"""What holds of `protocol/strict`, whatever is put in."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.protocol import strict
from gapless.protocol.strict import Malformed


def oracle(raw: bytes, depth: int, members: int, digits: int) -> object:
    """What `strict.parse` promises, slowly. Raises ValueError."""

    def check(condition: bool) -> None:
        if not condition:
            raise ValueError

    def constant(_: str) -> None:
        raise ValueError

    def whole(text: str) -> int:
        check(len(text.replace("-", "")) <= digits)
        return int(text)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        check(len(items) <= members)
        check(len({key for key, _ in items}) == len(items))
        return dict(items)

    def walk(value: Any, levels: int) -> None:
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, float):
            check(math.isfinite(value))
        elif isinstance(value, (list, dict)):
            check(levels > 0)
            for part in value if isinstance(value, list) else [*value.keys(), *value.values()]:
                walk(part, levels - 1)

    text = raw.decode("utf-8")
    value = json.loads(text, parse_constant=constant, parse_int=whole, object_pairs_hook=pairs)
    walk(value, depth)
    return value


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**22), 10**22) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


TOKENS = [
    *(
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\n",
        "\t",
        '"',
        "\\",
        "-",
        "é",
        "\ufeff",
        "null",
        "NaN",
        "Infinity",
    ),
    *("0", "1.5", "1e999", "12345678901234567890", '"a"', '"b"', '"a":', '"\\ud800"', '"\\ud83d\\ude00"'),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document with one byte replaced by up to three others."""
    raw = json.dumps(draw(values)).encode()
    at = draw(st.integers(0, len(raw) - 1))
    return raw[:at] + draw(st.binary(max_size=3)) + raw[at + 1 :]


@st.composite
def written(draw: st.DrawFn) -> bytes:
    separators = draw(st.sampled_from([None, (",", ":")]))  # with blanks, and without
    text = json.dumps(draw(values), ensure_ascii=draw(st.booleans()), separators=separators)
    return text.encode("utf-8", "surrogatepass")


scrambled = st.lists(st.sampled_from(TOKENS), max_size=12).map(lambda parts: "".join(parts).encode())


documents = st.binary(max_size=24) | scrambled | damaged() | written()


@given(documents, st.integers(1, 6), st.integers(1, 4), st.integers(1, 21))
def test_agrees_with_the_oracle_on_any_bytes(raw: bytes, depth: int, members: int, digits: int) -> None:
    try:
        expected = oracle(raw, depth, members, digits)
    except ValueError:
        with pytest.raises(Malformed):
            strict.parse(raw, strict.Bounds(depth=depth, members=members, digits=digits))
        return
    assert strict.parse(raw, strict.Bounds(depth=depth, members=members, digits=digits)) == expected
    assert (
        json.loads(strict.payload(raw, strict.Bounds(depth=depth, members=members, digits=digits)))
        == expected
    )


@given(st.dictionaries(st.text(max_size=5), values, max_size=5), st.sampled_from([None, 1, "\n"]))
def test_the_source_of_every_member_is_the_member(document: dict[str, Any], indent: int | str | None) -> None:
    text = json.dumps(document, indent=indent)
    try:
        oracle(text.encode(), 64, 1000, 20)
    except ValueError:
        return
    found = strict.fields(text)
    assert list(found) == list(document)
    for key, member in found.items():
        assert member.value == document[key]
        assert json.loads(member.raw) == document[key]
        assert b"\n" not in member.raw


@given(st.dictionaries(st.text(max_size=5), values, max_size=5))
def test_a_text_without_blanks_is_read_as_one_with_them(document: dict[str, Any]) -> None:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    try:
        oracle(text.encode("utf-8", "surrogatepass"), 64, 1000, 20)
    except ValueError:
        return
    found, known = strict.fields(text), strict.fields(" " + text)
    assert {key: (member.value, member.raw) for key, member in found.items()} == {
        key: (member.value, member.raw) for key, member in known.items()
    }
    assert strict.payload(text) == strict.payload(" " + text)

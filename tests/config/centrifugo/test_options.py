"""What becomes of each of Centrifugo's options, by its name."""

from __future__ import annotations

from typing import Any

import pytest

from gapless.config.centrifugo.options import (
    APPLIED,
    OPTIONS,
    PASSED,
    REFUSED,
    TABLES,
    WITHOUT_EFFECT,
    is_known,
    passed,
    said_of,
    truth,
    words,
)


@pytest.mark.parametrize(
    ("said", "meant"), [("true", True), ("T", True), ("1", True), ("False", False), ("0", False), (1, 1)]
)
def test_a_truth_may_be_text(said: object, meant: object) -> None:
    assert truth(said) == meant


def test_any_other_text_is_none() -> None:
    with pytest.raises(ValueError, match="true or false, not 'yes'"):
        truth("yes")


@pytest.mark.parametrize(("said", "meant"), [("a b", ["a", "b"]), (["a b"], ["a b"]), (None, []), ("", [])])
def test_a_list_may_be_text_with_blanks(said: Any, meant: list[str]) -> None:
    assert words(said) == meant


@pytest.mark.parametrize(
    ("name", "said", "meant"),
    [
        ("http_server.port", "0x1f90", 8080),
        ("http_server.port", 9000, 9000),
        ("client.connection_limit", 0, None),
        ("client.connection_limit", "100", 100),
        ("client.ping_interval", "1m30s", 90.0),
        ("engine.redis.address", "localhost:6379", "redis://localhost:6379"),
        ("engine.redis.address", ["rediss://a:1", "rediss://b:1"], "rediss://a:1"),
        ("client.allowed_origins", "https://a https://b", ["https://a", "https://b"]),
    ],
)
def test_a_value_becomes_what_is_meant_here(name: str, said: Any, meant: Any) -> None:
    assert APPLIED[name].convert(said) == meant


def test_each_option_has_one_fate() -> None:
    fates = (set(APPLIED), set(REFUSED), set(WITHOUT_EFFECT))
    for at, fate in enumerate(fates):
        for other in fates[at + 1 :]:
            assert not fate & other
    assert not OPTIONS & TABLES


def test_what_is_said_of_a_table_holds_for_all_in_it() -> None:
    table = {"tls": "of tls", "tls.key": "of its key"}
    assert said_of(table, "tls.key") == "of its key"
    assert said_of(table, "tls.cert.file") == "of tls"
    assert said_of(table, "tlsx") is None


def test_a_table_that_stands_here_as_there_is_found_by_what_is_in_it() -> None:
    for source, table in PASSED.items():
        assert passed((*source, "any")) == (source, table)
    assert passed(("nothing",)) is None


def test_names_are_known_alone_within_tables_and_within_objects() -> None:
    for name in ("http_server.port", "http_server", "client.insecure"):
        assert is_known(name), name
    assert not is_known("http_server.prot")

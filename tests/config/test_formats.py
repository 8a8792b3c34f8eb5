"""Where the keys of JSON and YAML texts stand."""

from __future__ import annotations

import pytest

from gapless.config.formats import Read, read_json, read_yaml

JSON = """{
  "a": {
    "b": [1, {"c": "}{,:"},
          {"c": 2}],
    "d\\"": 3
  }, "e": []
}"""

YAML = """
a:
  b:
    - 1
    - c: x
    - c: 2
  'd"': 3
e: []
"""


@pytest.mark.parametrize(
    ("read", "lines"),
    [
        (read_json(JSON), {"a": 2, "b": 3, "1": 3, "2": 4, "d": 5, "e": 6}),
        (read_yaml(YAML), {"a": 2, "b": 3, "1": 5, "2": 6, "d": 7, "e": 8}),
    ],
    ids=["json", "yaml"],
)
def test_each_key_and_element_knows_its_line(read: Read, lines: dict[str, int]) -> None:
    assert read.data["a"]["b"][2] == {"c": 2}
    for keys, name in (
        (("a",), "a"),
        (("a", "b"), "b"),
        (("a", "b", "1", "c"), "1"),
        (("a", "b", "2", "c"), "2"),
        (("a", 'd"'), "d"),
        (("e",), "e"),
    ):
        assert read.lines[keys] == lines[name]

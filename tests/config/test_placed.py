"""Where the keys of JSON and YAML files stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.config.file import TomlFile
from gapless.config.placed import read_json, read_yaml

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
    ("file", "lines"),
    [
        (read_json(Path("f"), JSON), {"a": 2, "b": 3, "1": 3, "2": 4, "d": 5, "e": 6}),
        (read_yaml(Path("f"), YAML), {"a": 2, "b": 3, "1": 5, "2": 6, "d": 7, "e": 8}),
    ],
    ids=["json", "yaml"],
)
def test_each_key_and_element_knows_its_line(file: TomlFile, lines: dict[str, int]) -> None:
    assert file.data["a"]["b"][2] == {"c": 2}
    for keys, name in (
        (("a",), "a"),
        (("a", "b"), "b"),
        (("a", "b", "1", "c"), "1"),
        (("a", "b", "2", "c"), "2"),
        (("a", 'd"'), "d"),
        (("e",), "e"),
    ):
        assert file.where(*keys) == f"f:{lines[name]}"

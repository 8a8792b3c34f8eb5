"""`gapless search`: what is found, shown like `gapless tail` does."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from ..support.commands import serving
from .conftest import Verb
from .test_store import api, ask, store

__all__ = ["api", "store"]


def test_searching_shows_the_newest_last(store: str, api: httpx.Client, verb: Verb, tmp_path: Path) -> None:
    file = tmp_path / "gapless.toml"
    file.write_text('[channels."*"]\nhistory = 100\nsearch = true\n')
    with serving("--store", store, "--config", str(file)) as (url, _):
        for level, message in (("ERROR", "disk full"), ("INFO", "disk fine"), ("ERROR", "net down")):
            ask(api, url, "publish", channel="logs", data={"level": level, "message": message})
        found = verb("search", "logs", "disk", "--url", url, "-o", "json")
        assert [json.loads(line)["offset"] for line in found.out] == [1, 2]
        found = verb("search", "logs", "--level", "error", "-n", "1", "-o", "raw", "--url", url)
        assert [json.loads(line) for line in found.out] == [{"level": "ERROR", "message": "net down"}]
        found = verb("search", "logs", "disk", "--before", "2", "--until", "2200-01-01", "--url", url)
        assert "disk full" in found.out[0]
        assert verb("search", "logs", "--since", "2200-01-01", "--url", url).out == []
        assert "is a time as" in verb("search", "logs", "--since", "yesterday", "--url", url).err[0]

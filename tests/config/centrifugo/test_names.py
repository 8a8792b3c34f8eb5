"""Tables from which little is applied here: what Centrifugo does not have in them is misspelt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapless.config.settings import load
from gapless.errors import ConfigError


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"websocket": {"comprssion": True}}, "websocket.comprssion'; did you mean 'websocket.compression'?"),
        (
            {"engine": {"redis": {"sentinel_tls": {"cert_pm": "x"}}}},
            "engine.redis.sentinel_tls.cert_pm'; did",
        ),
        ({"admin": {"enable": True}}, "admin.enable'; did you mean 'admin.enabled'?"),
        ({"log": {"level": {"all": "debug"}, "fiel": "x"}}, "log.fiel'; did you mean 'log.file'?"),
        ({"http_server": {"tls_autocert": {"hots": ""}}}, "http_server.tls_autocert.hots'"),
        ({"channel": {"proxy": {"subscribe_straem": {"endpoint": ""}}}}, "subscribe_straem.endpoint'; did"),
    ],
)
def test_a_misspelt_option_is_refused_also_where_nothing_would_be_applied(
    tmp_path: Path, table: dict[str, Any], said: str
) -> None:
    """At whatever value: who writes it means something by it."""
    file = tmp_path / "centrifugo.json"
    file.write_text(json.dumps(table))
    with pytest.raises(ConfigError) as refused:
        load(file)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{file}:1: there is no option '")
    assert said in line


def test_tables_may_be_empty_and_objects_have_any_names(tmp_path: Path) -> None:
    file = tmp_path / "centrifugo.json"
    headers = {"http": {"static_headers": {"X-Any": ""}}}
    table = {
        "websocket": {},
        "broker": {"nats": {"raw_mode": {"channel_replacements": {":": ""}}}},
        "channel": {"proxy": {"map_publish": headers}},
    }
    file.write_text(json.dumps(table))
    notes: list[str] = []
    load(file, note=notes.append)
    assert notes == []

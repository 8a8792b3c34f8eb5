"""Centrifugo's environment variables: read as it reads them, over its own file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapless.config.settings import Settings, load
from gapless.errors import ConfigError

SECRET = "4f1b7c2e9d0a5836c1e4f7b2a9d08c35"


class Environment:
    """The variables of one server, beside its file."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = directory / "centrifugo.json"
        self._monkeypatch = monkeypatch
        self.notes: list[str] = []

    def load(self, table: dict[str, Any], variables: dict[str, str], **flags: Any) -> Settings:
        self.file.write_text(json.dumps(table))
        for name, text in variables.items():
            self._monkeypatch.setenv(name, text)
        return load(self.file, note=self.notes.append, **flags)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(tmp_path, monkeypatch)


def test_all_of_a_server_can_be_in_the_environment(environment: Environment) -> None:
    """Numbers, truths, durations, lists between blanks, JSON, and namespaces by their names."""
    settings = environment.load(
        {},
        {
            "CENTRIFUGO_HTTP_SERVER_PORT": "9000",
            "CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY": SECRET,
            "CENTRIFUGO_CLIENT_ALLOWED_ORIGINS": "https://a.example https://b.example",
            "CENTRIFUGO_CLIENT_PING_INTERVAL": "20s",
            "CENTRIFUGO_CLIENT_CHANNEL_LIMIT": "64",
            "CENTRIFUGO_CLIENT_SUBSCRIBE_TO_USER_PERSONAL_CHANNEL_ENABLED": "true",
            "CENTRIFUGO_CLIENT_PROXY_CONNECT_ENABLED": "1",
            "CENTRIFUGO_CLIENT_PROXY_CONNECT_ENDPOINT": "http://127.0.0.1:1/",
            "CENTRIFUGO_CLIENT_PROXY_CONNECT_HTTP_STATIC_HEADERS": '{"X-A": "b"}',
            "CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_ALLOWED_DELTA_TYPES": "fossil",
            "CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_HISTORY_SIZE": "100",
            "CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_HISTORY_TTL": "300s",
            "CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_FORCE_RECOVERY": "true",
            "CENTRIFUGO_CHANNEL_NAMESPACES": "smallhistory news-of.day",
            "CENTRIFUGO_CHANNEL_NAMESPACES_SMALLHISTORY_HISTORY_SIZE": "2",
            "CENTRIFUGO_CHANNEL_NAMESPACES_SMALLHISTORY_HISTORY_TTL": "1m30s",
            "CENTRIFUGO_CHANNEL_NAMESPACES_NEWS_OF_DAY_PRESENCE": "true",
        },
    )
    assert settings.port == 9000
    assert settings.origins == ("https://a.example", "https://b.example")
    assert (settings.limits.ping_interval, settings.limits.subscriptions) == (20.0, 64)
    assert settings.client.token.hmac_secret_key == SECRET
    assert settings.client.personal_namespace == ""
    connect = settings.proxy.using("connect")
    assert connect is not None
    assert (connect.endpoint, connect.static_http_headers) == ("http://127.0.0.1:1/", {"X-A": "b"})
    channels = settings.channels
    assert (channels["{channel}"].history, channels["{channel}"].history_age) == (100, 300.0)
    assert channels["{channel}"].delta
    assert (channels["smallhistory:*"].history, channels["smallhistory:*"].history_age) == (2, 90.0)
    assert channels["news-of.day:*"].presence
    assert environment.notes == []


def test_it_wins_over_the_file_and_namespaces_join_those_of_it(environment: Environment) -> None:
    table = {
        "client": {"token": {"hmac_secret_key": "x" * 40}},
        "channel": {"namespaces": [{"name": "n1", "presence": True}]},
    }
    variables = {
        "CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY": SECRET,
        "CENTRIFUGO_CLIENT_TOKEN_ISSUER": "",
        "CENTRIFUGO_CHANNEL_NAMESPACES": "n2",
        "CENTRIFUGO_CHANNEL_NAMESPACES_N1_HISTORY_SIZE": "5",
        "CENTRIFUGO_CHANNEL_NAMESPACES_N1_HISTORY_TTL": "60s",
    }
    settings = environment.load(table, variables)
    assert settings.client.token.hmac_secret_key == SECRET
    assert settings.client.token.issuer is None, "an empty variable says nothing"
    assert (settings.channels["n1:*"].presence, settings.channels["n1:*"].history) == (True, 5)
    assert "n2:*" in settings.channels


def test_namespaces_may_be_json(environment: Environment) -> None:
    settings = environment.load({}, {"CENTRIFUGO_CHANNEL_NAMESPACES": '[{"name": "n1", "presence": true}]'})
    assert settings.channels["n1:*"].presence


def test_our_own_variables_and_flags_win(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAPLESS_PORT", "1")
    variables = {"CENTRIFUGO_HTTP_SERVER_PORT": "9000"}
    assert environment.load({}, variables).port == 1
    assert environment.load({}, variables, port=2).port == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_HISTORY_SIZE", "many", "history_size: "),
        ("CENTRIFUGO_CLIENT_INSECURE", "perhaps", "client.insecure: this is true or false"),
        ("CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY", "short", "hmac_secret_key"),
        ("CENTRIFUGO_GRPC_API_ENABLED", "true", "grpc_api.enabled: there is no gRPC here"),
        ("CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_SUBSCRIPTION_TYPE", "map", "there is no option"),
        ("CENTRIFUGO_CHANNEL_NAMESPACES", "[1", "namespaces: "),
        (
            "CENTRIFUGO_PROXIES_CHAT_ENDPOINT",
            "http://127.0.0.1:1/",
            "proxies.chat_endpoint: there is one back end",
        ),
    ],
)
def test_what_cannot_be_is_said_of_its_variable(
    environment: Environment, name: str, text: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        environment.load({}, {name: text})
    line = str(refused.value)
    assert line.startswith(f"{name}: ")
    assert said in line
    assert "short" not in line


def test_what_does_nothing_is_named(environment: Environment) -> None:
    environment.load(
        {},
        {
            "CENTRIFUGO_LOG_LEVEL": "trace",
            "CENTRIFUGO_CLIENT_CONCURRENCY": "8",
            "CENTRIFUGO_SSE_ENABLED": "false",
            "CENTRIFUGO_CLIENT_TOKN": "x",
            "CENTRIFUGO_ENGINE_REDIS_SENTINEL_TLS_CERT_PEM": "x",
            "CENTRIFUGO_ENGINE_REDIS_SENTINEL_TLS_CERT_PM": "x",
            "CENTRIFUGO_PORT_8000_TCP_ADDR": "10.0.0.1",
            "CENTRIFUGO_SERVICE_HOST": "10.0.0.1",
            "CENTRIFUGO_VAR_OURS": "x",
        },
    )
    assert sorted(note.split(":")[0] for note in environment.notes) == [
        "CENTRIFUGO_CLIENT_CONCURRENCY",
        "CENTRIFUGO_CLIENT_TOKN",
        "CENTRIFUGO_ENGINE_REDIS_SENTINEL_TLS_CERT_PEM",
        "CENTRIFUGO_ENGINE_REDIS_SENTINEL_TLS_CERT_PM",
        "CENTRIFUGO_LOG_LEVEL",
    ]
    said = dict(note.split(": ", 1) for note in environment.notes)
    named = said["CENTRIFUGO_ENGINE_REDIS_SENTINEL_TLS_CERT_PEM"]
    assert named.startswith("engine.redis.sentinel_tls.cert_pem does nothing here")
    assert said["CENTRIFUGO_ENGINE_REDIS_SENTINEL_TLS_CERT_PM"].startswith("Centrifugo has no such option")


def test_development_takes_the_fixtures_of_others(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY": "secret",
        "CENTRIFUGO_CLIENT_INSECURE": "true",
        "CENTRIFUGO_GRPC_API_ENABLED": "true",
        "CENTRIFUGO_HTTP_API_KEY": "api_key",
    }
    monkeypatch.setenv("GAPLESS_DEV", "true")
    settings = environment.load({}, variables)
    assert settings.dev
    assert (settings.host, settings.token) == ("127.0.0.1", "api_key")
    assert environment.notes[0].startswith("CENTRIFUGO_GRPC_API_ENABLED: grpc_api.enabled is left out")


def test_without_a_file_of_centrifugos_its_variables_are_only_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CENTRIFUGO_CLIENT_INSECURE", "true")
    monkeypatch.setenv("CENTRIFUGO_LOG_LEVEL", "trace")
    notes: list[str] = []
    assert load(note=notes.append).port == 8765
    own = tmp_path / "gapless.toml"
    own.write_text("port = 1\n")
    assert load(own, note=notes.append).port == 1
    assert notes == [notes[0]] * 2
    assert notes[0].startswith("CENTRIFUGO_CLIENT_INSECURE, CENTRIFUGO_LOG_LEVEL: read with --config")

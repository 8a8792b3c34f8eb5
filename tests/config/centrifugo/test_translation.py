"""Centrifugo's own file: each option is applied, refused, or named as one that does nothing here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from gapless.config.preparing import check
from gapless.config.settings import Settings, load
from gapless.errors import ConfigError

SECRET = "4f1b7c2e9d0a5836c1e4f7b2a9d08c35"
KEY = "9a1e4c7d3b5f2806e8d7c6b5a4f30211"

WHOLE: dict[str, Any] = {
    "http_server": {"port": "9000", "address": "127.0.0.1"},
    "http_api": {"key": KEY},
    "admin": {"enabled": True, "password": "p", "secret": "s"},
    "client": {
        "allowed_origins": ["https://app.example.com"],
        "token": {"hmac_secret_key": SECRET, "issuer": "me"},
        "ping_interval": "20s",
        "pong_timeout": "5s",
        "expired_close_delay": "1m",
        "channel_limit": 64,
        "connection_limit": 0,
        "user_connection_limit": 3,
        "queue_max_size": 1,
        "disallow_anonymous_connection_tokens": True,
        "subscribe_to_user_personal_channel": {"enabled": True, "personal_channel_namespace": "personal"},
        "proxy": {
            "connect": {
                "enabled": True,
                "endpoint": "http://127.0.0.1:1/connect",
                "http": {"static_headers": {"X-A": "b"}},
            }
        },
    },
    "channel": {
        "max_length": 100,
        "without_namespace": {"history_size": 10, "history_ttl": "60s", "force_recovery": True},
        "namespaces": [
            {"name": "personal"},
            {"name": "chat", "presence": True, "allow_subscribe_for_client": True},
        ],
    },
    "websocket": {"message_size_limit": 1000},
    "sse": {"enabled": True},
    "prometheus": {"enabled": True},
    "log": {"level": "debug"},
}


def toml(table: dict[str, Any]) -> str:
    """As much of TOML as is needed: values that JSON writes the same way."""

    def lines(table: dict[str, Any], path: str) -> str:
        plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
        said = f"[{path}]\n" if path else ""
        for name, value in plain.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                value = [json.dumps(each).replace('": ', '" = ') for each in value]
                said += f"{name} = [{', '.join(value)}]\n"
            else:
                said += f"{name} = {json.dumps(value)}\n"
        for name, value in table.items():
            if isinstance(value, dict):
                said += lines(value, f"{path}.{name}" if path else name)
        return said

    return lines(table, "")


FORMS = {
    "centrifugo.json": lambda table: json.dumps(table, indent=2),
    "config.yaml": yaml.safe_dump,
    "centrifugo.toml": toml,
}


@pytest.fixture(params=FORMS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.write_text(FORMS[request.param](WHOLE))
    return path


def test_a_whole_file_is_read_as_it_is_in_each_form(file: Path) -> None:
    notes: list[str] = []
    settings = check(file, note=notes.append)
    limits, client = settings.limits, settings.client
    assert (settings.host, settings.port, settings.token) == ("127.0.0.1", 9000, KEY)
    assert settings.origins == ("https://app.example.com",)
    assert (limits.ping_interval, limits.pong_timeout, limits.expiry_grace) == (20.0, 5.0, 60.0)
    assert (limits.subscriptions, limits.connections, limits.user_connections) == (64, None, 3)
    assert (limits.channel_bytes, limits.message_bytes) == (100, 1000)
    assert (client.token.hmac_secret_key, client.token.issuer) == (SECRET, "me")
    assert client.disallow_anonymous_connection_tokens
    assert client.personal_namespace == "personal"
    connect = settings.proxy.connect
    assert connect is not None
    assert (connect.endpoint, connect.static_http_headers) == ("http://127.0.0.1:1/connect", {"X-A": "b"})
    assert settings.channels["{channel}"].history == 10
    assert settings.channels["chat:*"].presence
    said = "\n".join(notes)
    for name in ("admin.password", "client.queue_max_size", "prometheus.enabled", "log.level", "sse.enabled"):
        assert name in said
    assert "hmac_secret_key" not in said


def written(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(path)
    return [line.removeprefix(f"{path}:") for line in str(refused.value).splitlines()]


def test_what_cannot_be_is_a_line_with_its_place(tmp_path: Path) -> None:
    text = """{
  "client": {
    "tokn": {},
    "token": {"hmac_secret_key": "short"},
    "subscribe_to_user_personal_channel": {"single_connection": true}
  },
  "grpc_api": {
    "enabled": true
  },
  "channel": {
    "namespaces": [
      {"name": "a1"},
      {
        "name": "b1",
        "histroy_size": 1
      }
    ]
  }
}"""
    lines = written(tmp_path / "config.json", text)
    assert lines[0] == "3: there is no option 'client.tokn'; did you mean 'client.token'?"
    assert any(line.startswith("5: client.subscribe_to_user_personal_channel.single") for line in lines)
    assert any(line.startswith("8: grpc_api.enabled: there is no gRPC here") for line in lines)
    assert any(line.startswith("15: there is no option 'histroy_size'") for line in lines)
    yaml_lines = written(
        tmp_path / "config.yml", "client:\n  insecure: true\nno_such: 1\ngrpc_api:\n  enabled: on\n"
    )
    assert yaml_lines[0].startswith("3: there is no option 'no_such'")
    assert yaml_lines[1].startswith("5: grpc_api.enabled")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", '{"a": 1\n"b": 2}', "2: this is not JSON"),
        ("a.json", "[]", " the file is an object"),
        ("a.yaml", "a: [1\nb: 2", "2: this is not YAML"),
        ("a.yaml", "- 1", " the file is an object"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, name: str, text: str, said: str) -> None:
    (line, *_) = written(tmp_path / name, text)
    assert line.startswith(said)


def loaded(tmp_path: Path, table: dict[str, Any], **flags: Any) -> Settings:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(table))
    return load(path, **flags)


def test_it_listens_where_centrifugo_would_once_there_is_a_key(tmp_path: Path) -> None:
    assert loaded(tmp_path, {}).port == 8000
    assert loaded(tmp_path, {}).host == "127.0.0.1", "without a credential it is for this machine"
    assert loaded(tmp_path, {"http_api": {"key": KEY}}).host == "0.0.0.0"
    assert loaded(tmp_path, {"http_api": {"key": KEY}}, dev=True).host == "127.0.0.1"
    open_api = loaded(tmp_path, {"http_api": {"key": KEY, "insecure": True}})
    assert (open_api.token, open_api.insecure) == (None, True)


def test_the_engine_is_the_store(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"engine": {"type": "memory"}}).store == "memory://"
    redis = {"engine": {"type": "redis", "redis": {"address": "10.0.0.1:6379"}}}
    assert loaded(tmp_path, redis).store == "redis://10.0.0.1:6379"
    with pytest.raises(ConfigError, match="tarantool"):
        loaded(tmp_path, {"engine": {"type": "tarantool"}})


def test_a_file_of_our_own_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "gapless.toml"
    path.write_text("port = 1\n")
    notes: list[str] = []
    assert load(path, note=notes.append).port == 1
    assert notes == []


def test_channels_are_as_closed_as_there(tmp_path: Path) -> None:
    """Without a word about channels there are those without a namespace, for nobody."""
    channels = loaded(tmp_path, {}).channels
    assert list(channels) == ["{channel}"]
    assert not channels["{channel}"].client_subscribe
    assert channels["{channel}"].history == 0


def test_numbers_and_truths_may_be_text_as_there(tmp_path: Path) -> None:
    table = {"http_server": {"port": "0x1f90"}, "client": {"insecure": "true", "allowed_origins": "*"}}
    settings = loaded(tmp_path, table, dev=True)
    assert (settings.port, settings.client.insecure, settings.origins) == (8080, True, ("*",))
    said = written(tmp_path / "c.json", '{"client": {"insecure": "perhaps"}}')
    assert said == ["1: client.insecure: this is true or false, not 'perhaps'"]


WITH_DEFAULTS: dict[str, Any] = {
    "http_server": {
        "address": "",
        "port": 8000,
        "internal_port": "",
        "tls": {"enabled": False, "cert_pem": ""},
    },
    "engine": {"type": "memory", "redis": {"address": [], "password": "", "db": 0}},
    "broker": {"enabled": False},
    "consumers": [],
    "proxies": [],
    "shared_poll": {"hmac_secret_key": ""},
    "http_api": {"handler_prefix": "/api", "key": "", "disabled": False},
    "websocket": {"handler_prefix": "/connection/websocket", "disabled": False},
    "uni_sse": {"handler_prefix": "/connection/uni_sse", "connect_code_to_http_response": {"enabled": False}},
    "client": {
        "user_id_http_header": "",
        "token": {
            "hmac_secret_key": SECRET,
            "hmac_previous_secret_key": "",
            "hmac_previous_secret_key_valid_until": 0,
            "audience": "",
            "audience_regex": "",
            "user_id_claim": "",
            "insecure_skip_jwks_endpoint_safety_check": False,
        },
        "subscription_token": {"enabled": False, "hmac_secret_key": ""},
        "subscribe_to_user_personal_channel": {
            "enabled": False,
            "personal_channel_namespace": "",
            "single_connection": False,
        },
        "proxy": {
            "connect": {
                "enabled": False,
                "endpoint": "",
                "timeout": "1s",
                "grpc_metadata": [],
                "http": {"tls": {"enabled": False}, "static_headers": {}, "status_to_code_transforms": []},
                "grpc": {"tls": {"enabled": False}, "compression": False},
            }
        },
    },
    "channel": {
        "publication_data_format": "",
        "proxy": {"subscribe": {"endpoint": "", "timeout": "1s"}, "map_publish": {"endpoint": ""}},
        "without_namespace": {
            "history_size": 10,
            "history_ttl": "60s",
            "history_meta_ttl": "0s",
            "channel_regex": "",
            "map_clients_presence_channel_prefix": "",
            "subscribe_proxy_name": "default",
            "subscribe_stream_proxy_bidirectional": False,
            "subscription_type": "stream",
            "map": {"mode": "", "key_ttl": "0s", "publish_proxy_name": "default"},
            "shared_poll": {"mode": "", "refresh_batch_size": 0},
        },
    },
    "rpc": {"proxy": {"endpoint": "", "timeout": "1s"}, "ping": {"enabled": False}, "namespaces": []},
}
"""As `centrifugo defaultconfig` writes a file: whatever there is, at the value that it has anyway."""


def test_an_option_at_its_default_is_neither_refused_nor_mentioned(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(WITH_DEFAULTS))
    notes: list[str] = []
    settings = check(path, note=notes.append)
    assert notes == []
    assert settings.channels["{channel}"].history == 10
    assert settings.proxy.subscribe is settings.proxy.rpc is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"client": {"user_id_http_header": "X-User"}}, "client.user_id_http_header: no header says"),
        ({"client": {"insecure_skip_token_signature_verify": True}}, "tokens are verified or not taken"),
        ({"http_api": {"disabled": True}}, "http_api.disabled: it cannot be switched off"),
        ({"websocket": {"handler_prefix": "/ws"}}, "websocket.handler_prefix: the doors' paths are fixed"),
        ({"proxies": [{"name": "a"}]}, "proxies: there is one back end for each kind"),
        (
            {"engine": {"redis": {"password": "x"}}},
            "engine.redis.password: write it into engine.redis.address",
        ),
        (
            {"client": {"proxy": {"connect": {"http": {"tls": {"enabled": True}}}}}},
            "client.proxy.connect.http.tls: TLS to back ends",
        ),
    ],
)
def test_what_would_open_or_break_something_is_refused(
    tmp_path: Path, table: dict[str, Any], said: str
) -> None:
    (line,) = written(tmp_path / "config.json", json.dumps(table))
    assert said in line


def test_a_back_end_is_asked_only_where_it_is_switched_on(tmp_path: Path) -> None:
    end = {"endpoint": "http://127.0.0.1:1/"}
    idle = {
        "client": {"proxy": {"connect": end}},
        "channel": {"proxy": {"subscribe": end}},
        "rpc": {"proxy": end},
    }
    proxy = loaded(tmp_path, idle).proxy
    assert proxy.using("connect") is proxy.using("subscribe") is proxy.using("rpc") is None
    asked = {
        "client": {"proxy": {"connect": end | {"enabled": True}}},
        "channel": {
            "proxy": {"subscribe": end},
            "namespaces": [{"name": "n1", "subscribe_proxy_enabled": True}],
        },
        "rpc": {"proxy": end, "without_namespace": {"proxy_enabled": True}},
    }
    proxy = loaded(tmp_path, asked).proxy
    assert None not in (proxy.using("connect"), proxy.using("subscribe"), proxy.using("rpc"))


def test_the_data_format_of_all_channels_is_that_of_each(tmp_path: Path) -> None:
    table = {
        "channel": {
            "publication_data_format": "json",
            "namespaces": [{"name": "n1"}, {"name": "n2", "publication_data_format": "binary"}],
        }
    }
    channels = loaded(tmp_path, table).channels
    assert [channels[name].any_bytes for name in ("{channel}", "n1:*", "n2:*")] == [False, False, True]


def test_development_leaves_out_what_cannot_be_had_and_says_so(tmp_path: Path) -> None:
    table = {
        "grpc_api": {"enabled": True},
        "shared_poll": {"hmac_secret_key": "k"},
        "channel": {
            "namespaces": [{"name": "poll", "subscription_type": "shared_poll", "shared_poll": {"mode": "x"}}]
        },
    }
    path = tmp_path / "config.json"
    with pytest.raises(ConfigError, match="there is no gRPC here"):
        loaded(tmp_path, table)
    notes: list[str] = []
    settings = load(path, note=notes.append, dev=True)
    assert settings.channels["poll:*"].client_subscribe is False
    assert [note.removeprefix(f"{path}:1: ").split(":")[0] for note in notes] == [
        "grpc_api.enabled is left out",
        "shared_poll.hmac_secret_key is left out",
        "nobody may subscribe to the channels of 'poll'",
    ]

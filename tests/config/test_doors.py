"""The sections for the Centrifuge doors: what they become, and what is said when they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.config.preparing import check_access
from gapless.config.settings import load
from gapless.config.values import seconds
from gapless.errors import ConfigError
from gapless.server.serve import websocket_protocol
from gapless.transports.uvicorn import WebSocketProtocol

from ..cli.conftest import Verb

SECRET = "8f2c1d9a4b7e6053f1a2c3d4e5b69788a0b1c2d3e4f5a6b7"


OTHER = "17b09c5e2df84a6630e9d1c2b3a4f5968778695a4b3c2d1e"


TOKEN = f'[client.token]\nhmac_secret_key = "{SECRET}"\n'


NAMESPACE = '[[channel.namespaces]]\nname = "chat"\n'


def test_the_fast_path_is_what_a_server_uses_by_default() -> None:
    assert websocket_protocol(load().ws) is WebSocketProtocol


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60s", 60.0),
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("7d", 604_800.0),
        (3, 3.0),
        ("3", 3.0),
    ],
)
def test_a_duration_has_units_or_is_seconds(text: object, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[client]\ninsecur = true", "2: there is no option 'insecur' here; did you mean 'insecure'?"),
        (
            "[client]\nping_interval = '25s'",
            "2: there is no option 'ping_interval' here: write it in [limits]",
        ),
        ("client = 3", "1: [client] is a table of options, not 3"),
        ("[client]\ntoken = 3", "2: [client.token] is a table of options"),
        ('[client]\ninsecure = "yes"', "2: insecure: input should be a valid boolean, not 'yes'"),
        (
            f'[client.token]\nhmac_secret = "{SECRET}"',
            "2: there is no option 'hmac_secret' here: write hmac_secret_key = …",
        ),
        (
            '[client.token]\nhmac_secret_key = "hunter2"',
            "2: hmac_secret_key has 7 bytes, at least 32 are needed; make one with: openssl rand -hex 32",
        ),
        (
            "[client.token]\nhmac_secret_key = 98765432",
            "2: token.hmac_secret_key: input should be a valid string",
        ),
        (
            '[client.token]\naudience = "a"',
            "1: no key to verify tokens with: give hmac_secret_key or a public key",
        ),
        (
            TOKEN + 'audience = "a"\naudience_regex = "b"',
            "4: audience and audience_regex exclude each other; keep one",
        ),
        (
            TOKEN + 'issuer_regex = "("',
            "3: issuer_regex is no regular expression: missing ), unterminated subpattern at position 0",
        ),
        (TOKEN + 'rsa_public_key = "@none.pem"', "3: rsa_public_key: "),
        (TOKEN + 'rsa_public_key = "x"', "3: rsa_public_key holds something that is no public key in PEM"),
        (
            '[client.token]\njwks_public_endpoint = "http://id.example.com/k"',
            "2: jwks_public_endpoint 'http://id.example.com/k' is not https",
        ),
        ('[client.token]\njwks_public_endpoint = "keys.json"', "2: jwks_public_endpoint: the key set"),
        (
            TOKEN + 'jwks_public_endpoint = "https://id.example.com/k"',
            "3: jwks_public_endpoint replaces keys that are written down; remove it or hmac_secret_key",
        ),
        (
            f'[client.token]\nhmac_previous_secret_key = "{SECRET}"',
            "2: hmac_previous_secret_key needs hmac_secret_key, the one that new tokens are signed with",
        ),
        (
            TOKEN + "[client.subscription_token]\nenabled = true",
            "4: subscription tokens have no keys of their own: give hmac_secret_key, a public key or",
        ),
        (
            TOKEN + f'[client.subscription_token]\nhmac_secret_key = "{OTHER}"',
            "3: these keys are not used: set enabled = true, or remove [client.subscription_token]",
        ),
        (
            f'[client.subscription_token]\nenabled = true\nhmac_secret_key = "{OTHER}"',
            "1: subscription tokens need [client.token] with a key, for who connects",
        ),
        (
            "[client]\ninsecure = true\n" + TOKEN,
            "2: insecure lets everybody do everything, so tokens protect nothing; keep one of both",
        ),
        (
            '[client.user_personal_channel]\nnamespace = "chat"\n[channel]\n' + NAMESPACE,
            "2: namespace is not used: set enabled = true as well",
        ),
        (
            '[client.user_personal_channel]\nenabled = true\nnamespace = "chat"\n[channel]',
            "3: there is no namespace 'chat': add it as one of [[channel.namespaces]]",
        ),
        (
            '[client.user_personal_channel]\nenabled = true\nnamespace = "chat"\n'
            + NAMESPACE
            + "allow_subscribe_for_client = true",
            "6: personal channels are open to other users here: set allow_user_limited_channels = true",
        ),
        (
            "[client.user_personal_channel]\nenabled = true\n[channels.logs]\nhistory = 1",
            "2: no pattern of [channels] matches personal channels as '#1'",
        ),
        (
            "[proxy.rpc]\ntimeout = 2",
            '1: the rpc proxy has no endpoint: write endpoint = "http://…", or remove it',
        ),
        ("[proxy.rcp]", "1: there is no option 'rcp' here; did you mean 'rpc'?"),
        (
            '[proxy.rpc]\nendpoint = "ftp://x"',
            "2: a proxy's endpoint is an http:// or https:// URL, not 'ftp://x'",
        ),
        (
            '[proxy.rpc]\nendpoint = "http://x"\ntimeout = "0s"',
            "3: a proxy's timeout is above 0 seconds, not 0.0",
        ),
        (
            '[proxy.rpc]\nendpoint = "http://x"\ntimeout = "fast"',
            '3: rpc.timeout: a duration is a number of seconds, or as in "60s", "1h30m", "500ms", not',
        ),
        (
            '[proxy.connect]\nendpoint = "http://x"\npatterns = ["a"]',
            "3: the connect proxy is about connections: remove patterns",
        ),
        (
            '[proxy.rpc]\nendpoint = "http://x"\nhttp_headers = ["Host"]',
            "3: the header 'Host' belongs to one request and cannot be passed on",
        ),
        (
            '[proxy.rpc]\nstatic_http_headers = "Bearer hunter2"',
            "2: rpc.static_http_headers: input should be a valid dictionary",
        ),
        (NAMESPACE + 'history_ttl = "60s"', "3: history_ttl needs history_size above 0"),
        (NAMESPACE + "force_recovery = true", "3: force_recovery needs history_size above 0"),
        (NAMESPACE + "join_leave = true", "3: join_leave needs presence = true"),
        (NAMESPACE + "delta_publish = true", '3: delta_publish needs allowed_delta_types = ["fossil"]'),
        (
            NAMESPACE + 'history_size = 1\nhistory_ttl = "2h"\nhistory_meta_ttl = "1h"',
            "5: history_meta_ttl (3600.0 s) must be longer than history_ttl (7200.0 s)",
        ),
        (
            NAMESPACE + "allow_publish_for_anonymous = true",
            "3: allow_publish_for_anonymous says who, and nothing allows it: set allow_publish_for",
        ),
        (
            NAMESPACE + 'channel_regex = "^a"',
            "3: there is no option 'channel_regex' here: Gapless does not restrict names within",
        ),
        (
            NAMESPACE + "subscribe_proxy_enabled = true",
            "3: subscribe_proxy_enabled needs [proxy.subscribe] with an endpoint",
        ),
        (NAMESPACE + NAMESPACE, "4: there are two namespaces 'chat'; keep one"),
        (
            '[[channel.namespaces]]\nname = "a*"',
            "2: a namespace's name is two or more of a-z A-Z 0-9 - _ . and not 'a*'",
        ),
        ("[[channel.namespaces]]\npresence = true", "1: name is missing"),
        (
            NAMESPACE + '[channels."chat:*"]\nhistory = 1',
            '1: [channels."chat:*"] sets options of these channels as well; remove one of both',
        ),
        ('[engine]\ntype = "redis"', "1: there is no option 'engine': write store = …"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_the_fix(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    (line,) = str(caught.value).splitlines()
    line = line.removeprefix(f"{file}:")
    assert line.startswith(said)
    assert "hunter2" not in line
    assert "9876" not in line
    assert SECRET not in line


def test_config_check_says_ok_or_every_mistake_with_its_line(verb: Verb, file: Path) -> None:
    file.write_text(TOKEN + NAMESPACE)
    assert verb("config", "check", str(file)) == (0, ["ok"], [])
    file.write_text('prot = 1\n[client]\ninsecur = true\n[proxy.rpc]\nendpont = "http://x"\n')
    assert verb("config", "check", str(file)) == (
        1,
        [
            f"{file}:1: there is no option 'prot'; did you mean 'port'?",
            f"{file}:3: there is no option 'insecur' here; did you mean 'insecure'?",
            f"{file}:5: there is no option 'endpont' here; did you mean 'endpoint'?",
        ],
        [],
    )


def test_the_example_of_the_documentation_is_a_configuration(file: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "config.md").read_text()
    example = page.partition("```toml\n")[2].partition("```")[0]
    file.write_text(example.replace("…", SECRET))
    settings = load(file)
    assert settings.client.personal_namespace == "personal"
    assert settings.channels["chat:*"].history_age == 3600.0


def test_a_server_for_others_does_not_start_where_clients_may_do_everything(file: Path) -> None:
    file.write_text("[client]\ninsecure = true\n")
    with pytest.raises(ConfigError, match=r"client\.insecure lets them do everything"):
        check_access(load(file, token=OTHER), local=False)
    check_access(load(file, token=OTHER, insecure=True), local=False)
    check_access(load(file), local=True)


def test_the_environment_completes_the_file_and_its_mistakes_name_the_variable(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(TOKEN + "[client.subscription_token]\nenabled = true\n")
    monkeypatch.setenv("GAPLESS_CLIENT__SUBSCRIPTION_TOKEN__HMAC_SECRET_KEY", OTHER)
    assert load(file).client.subscription_token.hmac_secret_key == OTHER
    monkeypatch.setenv("GAPLESS_CLIENT__TOKEN__HMAC_SECRET_KEY", "hunter2")
    with pytest.raises(ConfigError, match=r"GAPLESS_CLIENT__TOKEN__HMAC_SECRET_KEY: .* 7 bytes") as caught:
        load()
    assert "hunter2" not in str(caught.value)

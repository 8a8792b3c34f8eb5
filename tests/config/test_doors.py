"""The sections for the Centrifuge doors: what they become, and what is said when they cannot be."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gapless import ChannelOptions, Hub
from gapless.auth.issue import issue_connection_token, issue_subscription_token
from gapless.auth.jwks import MAX_BYTES
from gapless.config.client import fetch_key_set
from gapless.config.doors import back_ends
from gapless.config.preparing import check_access
from gapless.config.settings import load
from gapless.config.values import seconds
from gapless.errors import ConfigError, Disconnect
from gapless.proxy.proxy import StatusRule
from gapless.server.serve import websocket_protocol
from gapless.transports.uvicorn import WebSocketProtocol

from ..cli.conftest import Verb

SECRET = "8f2c1d9a4b7e6053f1a2c3d4e5b69788a0b1c2d3e4f5a6b7"
OTHER = "17b09c5e2df84a6630e9d1c2b3a4f5968778695a4b3c2d1e"
TOKEN = f'[client.token]\nhmac_secret_key = "{SECRET}"\n'


@pytest.fixture
def public_key() -> str:
    """A P-256 public key in PEM."""
    key = generate_private_key(SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def options(file: Path) -> ChannelOptions:
    """Those of a channel of a namespace that sets everything."""
    file.write_text(
        """
        [[channel.namespaces]]
        name = "chat"
        history_size = 10
        history_ttl = "1m30s"
        history_meta_ttl = "2h"
        presence = true
        join_leave = true
        force_push_join_leave = true
        force_recovery = true
        force_positioning = true
        force_recovery_mode = "cache"
        auto_cache_recover = true
        allowed_delta_types = ["fossil"]
        delta_publish = true
        allow_tags_filter = true
        allow_subscribe_for_client = true
        allow_subscribe_for_anonymous = true
        allow_publish_for_client = true
        allow_history_for_subscriber = true
        allow_history_for_anonymous = true
        allow_presence_for_subscriber = true
        """
    )
    return load(file).channels["chat:*"]


def test_the_fast_path_is_what_a_server_uses_by_default() -> None:
    assert websocket_protocol(load().ws) is WebSocketProtocol


def test_a_namespace_becomes_the_options_of_its_channels(options: ChannelOptions) -> None:
    assert options == ChannelOptions(
        history=10,
        history_age=90.0,
        idle_expiry=7200.0,
        presence=True,
        join_leave=True,
        force_push_join_leave=True,
        recovery="cache",
        client_recovery=True,
        auto_cache_recover=True,
        delta=True,
        delta_publish=True,
        tags_filter=True,
        client_subscribe=True,
        client_publish=True,
        outside_publish=True,
        client_history=True,
        client_presence=True,
        anonymous=True,
        anonymous_publish=False,
        anonymous_history=True,
        anonymous_presence=False,
        user_limited=False,
    )


def test_a_namespace_that_says_nothing_lets_clients_do_nothing(file: Path) -> None:
    file.write_text('[[channel.namespaces]]\nname = "chat"\n')
    options = load(file).channels["chat:*"]
    verbs = [getattr(options, f"client_{verb}") for verb in ("subscribe", "publish", "history", "presence")]
    assert [*verbs, options.anonymous] == [False] * 5


def test_channels_are_found_by_their_namespace_and_others_are_unknown(file: Path) -> None:
    file.write_text(
        "[channel.without_namespace]\nhistory_size = 1\n"
        '[[channel.namespaces]]\nname = "chat"\nhistory_size = 2\nallow_user_limited_channels = true\n'
        '[[channel.namespaces]]\nname = "chatter"\nhistory_size = 3\n'
        "[channels.logs]\nhistory = 4\n"
    )
    hub = Hub(channels=load(file).channels)

    def history(channel: str) -> int | None:
        options = hub.node.registry.declared(channel)
        return options.history if options is not None else None

    assert [history(name) for name in ("news", "$news", "#42", "news#1,2", "logs")] == [1, 1, 1, 1, 4]
    assert [history(name) for name in ("chat:a", "chat:a:b", "$chat:a", "chat:", "chat:#7")] == [2] * 5
    assert history("chatter:a") == 3
    assert [history(name) for name in ("nope:a", ":a", "cha:t", "$nope:a")] == [None] * 4


def test_whoever_a_name_lists_may_subscribe_where_others_may_not(file: Path) -> None:
    allow = "allow_user_limited_channels = true\n"
    file.write_text(f'[channel.without_namespace]\n{allow}[[channel.namespaces]]\nname = "chat"\n{allow}')
    hub = Hub(channels=load(file).channels)
    for listed in ("#42", "dialog#1,2", "chat:#42", "chat:dialog#1,2"):
        options = hub.node.registry.declared(listed)
        assert options is not None
        assert options.client_subscribe, listed
        assert options.user_limited
    for unlisted in ("dialog", "chat:dialog"):
        options = hub.node.registry.declared(unlisted)
        assert options is not None
        assert not options.client_subscribe, unlisted


def test_without_namespaces_everything_is_kept_and_with_them_only_what_is_declared(file: Path) -> None:
    file.write_text(TOKEN)
    assert "*" in load(file).channels
    file.write_text("[channel]\n")
    assert list(load(file).channels) == ["{channel}"]


@pytest.mark.parametrize(
    ("said", "recovery"),
    [
        ("", "stream"),
        ("force_recovery = true", "stream"),
        ('force_recovery_mode = "cache"', "cache"),
        ("force_recovery = false", "off"),
        ("force_recovery = false\nallow_recovery = true", "stream"),
    ],
)
def test_channels_with_history_recover_unless_the_file_says_no(file: Path, said: str, recovery: str) -> None:
    file.write_text(f"[channel.without_namespace]\nhistory_size = 1\n{said}\n")
    assert load(file).channels["{channel}"].recovery == recovery


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


# -- what is said when something cannot be

NAMESPACE = '[[channel.namespaces]]\nname = "chat"\n'


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


def test_mistakes_in_the_second_namespace_have_its_line(file: Path) -> None:
    file.write_text(NAMESPACE + '\n[[channel.namespaces]]\nname = "news"\nhistory_ttl = 3\npresense = true\n')
    with pytest.raises(ConfigError, match=r":7: there is no option 'presense' here"):
        load(file)
    file.write_text(NAMESPACE + '\n[[channel.namespaces]]\nname = "news"\nhistory_ttl = 3\n')
    with pytest.raises(ConfigError, match=r":6: history_ttl needs"):
        load(file)


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


# -- tokens


@pytest.mark.anyio
async def test_tokens_are_verified_as_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAPLESS_CLIENT__TOKEN__HMAC_SECRET_KEY", SECRET)
    monkeypatch.setenv("GAPLESS_CLIENT__TOKEN__AUDIENCE", "hub")
    monkeypatch.setenv("GAPLESS_CLIENT__SUBSCRIPTION_TOKEN__ENABLED", "true")
    monkeypatch.setenv("GAPLESS_CLIENT__SUBSCRIPTION_TOKEN__HMAC_SECRET_KEY", OTHER)
    verifier = load().client.verifier()
    assert verifier is not None
    good = issue_connection_token(SECRET, "ann", audience="hub", now=1000.0)
    assert (await verifier.verify_connection(good, 1001.0)).user == "ann"
    for wrong in (issue_connection_token(SECRET, "ann", now=1000.0), good[:-2] + "AA"):
        with pytest.raises(Disconnect):
            await verifier.verify_connection(wrong, 1001.0)
    leave = issue_subscription_token(OTHER, "ann", "chat:1", now=1000.0)
    assert (await verifier.verify_subscription(leave, 1001.0)).channel == "chat:1"


def test_keys_may_be_in_files_beside_the_configuration(file: Path, public_key: str) -> None:
    (file.parent / "key.pem").write_text(public_key)
    file.write_text('[client.token]\necdsa_public_key = "@key.pem"\n')
    verifier = load(file).client.verifier()
    assert verifier is not None
    assert verifier.connection.keys.algorithms == {"ES256"}
    file.write_text('[client.token]\nrsa_public_key = "@key.pem"\n')
    with pytest.raises(ConfigError, match="rsa_public_key holds a public key, but of another kind than rsa"):
        load(file)


class _KeyServer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = {"/keys": (200, b'{"keys": []}'), "/big": (200, b" " * (MAX_BYTES + 1))}.get(
            self.path, (302, b"")
        )
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/keys")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            pass  # whoever has read enough goes

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
        pass


@pytest.mark.anyio
async def test_a_key_set_is_fetched_without_redirects_and_without_end_of_memory() -> None:
    with HTTPServer(("127.0.0.1", 0), _KeyServer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            assert await fetch_key_set(f"{url}/keys", MAX_BYTES) == b'{"keys": []}'
            with pytest.raises(ValueError, match="answered 302, not 200"):
                await fetch_key_set(f"{url}/elsewhere", MAX_BYTES)
            with pytest.raises(ValueError, match="more than"):
                await fetch_key_set(f"{url}/big", MAX_BYTES)
        finally:
            server.shutdown()
            thread.join()


# -- back ends


def test_back_ends_are_asked_about_the_channels_of_patterns_and_of_namespaces_that_want_it(
    file: Path,
) -> None:
    file.write_text(
        """
        [proxy.connect]
        endpoint = "http://127.0.0.1:1/connect"
        timeout = "250ms"
        http_headers = ["Cookie"]
        static_http_headers = { X-Key = "k" }
        status_to_code_transforms = [{ status_code = 404, to_error = { code = 404, message = "no" } }]
        binary_encoding = true
        include_connection_meta = true
        [proxy.subscribe]
        endpoint = "http://127.0.0.1:1/subscribe"
        patterns = ["logs"]
        [proxy.publish]
        endpoint = "http://127.0.0.1:1/publish"
        [proxy.rpc]
        endpoint = "http://127.0.0.1:1/rpc"
        enabled = false
        [[channel.namespaces]]
        name = "chat"
        subscribe_proxy_enabled = true
        """
    )
    proxies = back_ends(load(file))
    assert proxies is not None
    connect, subscribe, publish = proxies.connect, proxies.subscribe, proxies.publish
    assert connect is not None
    assert (connect.url, connect.timeout) == ("http://127.0.0.1:1/connect", 0.25)
    assert tuple(connect.http_headers) == ("Cookie",)
    assert connect.static_http_headers == {"X-Key": "k"}
    assert list(connect.status_to_code_transforms) == [StatusRule(404, {"code": 404, "message": "no"})]
    assert connect.binary_encoding
    assert connect.include_connection_meta
    assert subscribe is not None
    assert tuple(subscribe.patterns) == ("logs", "chat:*", "$chat:*")
    assert publish is not None
    assert tuple(publish.patterns) == ("*",)
    assert proxies.rpc is None


def test_where_a_back_end_decides_who_subscribes_everybody_comes_to_it(file: Path) -> None:
    file.write_text(
        '[proxy.subscribe]\nendpoint = "http://127.0.0.1:1/"\n'
        + NAMESPACE
        + "subscribe_proxy_enabled = true\n"
    )
    options = load(file).channels["chat:*"]
    assert options.client_subscribe
    assert options.anonymous
    assert options.anonymous_publish is False

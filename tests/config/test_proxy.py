"""Back ends: about which channels they are asked."""

from __future__ import annotations

from pathlib import Path

from gapless.config.doors import back_ends
from gapless.config.settings import load
from gapless.proxy.proxy import StatusRule

NAMESPACE = '[[channel.namespaces]]\nname = "chat"\n'


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

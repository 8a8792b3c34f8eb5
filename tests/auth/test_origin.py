"""Which pages may connect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.auth.origin import OriginPolicy, allowed, parse_origin
from gapless.errors import ConfigError

SAME_ORIGIN = [
    # Origin, Host, scheme of the connection
    ("http://example.com", "example.com", "http"),
    ("http://example.com", "example.com", "ws"),
    ("https://example.com", "example.com", "https"),
    ("https://example.com", "example.com", "wss"),
    ("http://example.com", "example.com:80", "http"),
    ("http://example.com:80", "example.com", "http"),
    ("https://example.com:443", "example.com", "https"),
    ("https://example.com", "example.com:443", "https"),
    ("http://localhost:8000", "localhost:8000", "http"),
    ("HTTP://Example.COM", "example.com", "http"),
    ("http://example.com", "EXAMPLE.com", "HTTP"),
    ("ws://example.com", "example.com", "http"),
    ("http://127.0.0.1:8000", "127.0.0.1:8000", "ws"),
    ("http://[::1]:8000", "[::1]:8000", "http"),
    ("http://[::1]", "[0:0:0:0:0:0:0:1]:80", "http"),
    ("http://[2001:DB8::A]", "[2001:db8::a]", "http"),
    ("https://xn--bcher-kva.example", "xn--bcher-kva.example", "https"),
    ("http://my_host:1", "my_host:1", "http"),
    ("http://example.com.", "example.com.", "http"),
    ("  http://example.com\t", "example.com", "http"),
    # A proxy ends TLS, and its X-Forwarded-Proto is not trusted.
    ("https://example.com", "example.com", "http"),
    ("https://example.com", "example.com:443", "http"),
    ("https://example.com:8443", "example.com:8443", "ws"),
]


@pytest.mark.parametrize(("origin", "host", "scheme"), SAME_ORIGIN)
def test_a_page_of_the_server_itself_may_connect(origin: str, host: str, scheme: str) -> None:
    assert allowed([origin], host, scheme, [])


FOREIGN = [
    "http://host.evil.com",
    "http://evil.com",
    "http://example.com.evil.com",
    "http://evil-example.com",
    "http://evilexample.com",
    "http://sub.example.com",
    "http://com",
    "http://example.com.",
    "http://example.com:8080",
    "http://example.com:",
    "http://example.com:080000",
    "http://example.com:65616",
    "http://example.com:80:80",
    "http://example.com:-80",
    "http://example.com:8O",
    "http://example.com:８０",
    "http://example.com/",
    "http://example.com/path",
    "http://example.com?query",
    "http://example.com#fragment",
    "http://user@example.com",
    "http://user:password@example.com",
    "http://example.com@evil.com",
    "http://evil.com@example.com",
    "http://example.com\\@evil.com",
    "http://evil.com/http://example.com",
    "http://example.com http://evil.com",
    "http://example.com, http://evil.com",
    "http://example.com\n",
    "http://example.com\x00",
    "http://exam\nple.com",
    "http://exampl\u0435.com",  # a Cyrillic letter
    "http://\uff45xample.com",  # a full-width letter
    "http://EXAMPLE。com",
    "http://example..com",
    "http://.example.com",
    "http://-example.com",
    "http://[::1",
    "http://[::1]evil",
    "http://[example.com]",
    "http://[:::1]",
    "http://[1.2.3.4]",
    "http://::1",
    "http://",
    "http:example.com",
    "http:/example.com",
    "//example.com",
    "example.com",
    "file://",
    "file://example.com",
    "ftp://example.com",
    "javascript://example.com",
    "null",
    "NULL",
    "*",
    "",
    " ",
    "http://*",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_any_other_page_may_not(origin: str) -> None:
    assert not allowed([origin], "example.com", "http", [])
    assert not allowed([origin], "example.com", "http", ["https://other.example", "https://*.example.com"])


def test_a_page_without_tls_may_not_connect_to_a_server_with_tls() -> None:
    assert not allowed(["http://example.com"], "example.com", "https", [])
    assert not allowed(["http://example.com:443"], "example.com", "https", [])


@pytest.mark.parametrize(
    "host", ["example.com:80", "example.com:8080", "proxy.internal", "", "example.com/", "["]
)
def test_a_page_with_tls_is_not_the_servers_own_when_the_host_names_another_place(host: str) -> None:
    assert not allowed(["https://example.com"], host, "http", [])


@pytest.mark.parametrize("zone", ["[fe80::1%25eth0]", "[fe80::1%eth0]"])
def test_an_ipv6_zone_is_nobodys_origin(zone: str) -> None:
    assert not allowed([f"http://{zone}"], zone, "http", [])


def test_no_origin_is_not_a_browser_and_passes() -> None:
    assert allowed([], "example.com", "http", [])
    assert allowed([], "", "http", [])


@pytest.mark.parametrize("allow", [[], ["*"], ["http://example.com"]])
def test_two_origins_are_refused_even_if_both_are_allowed(allow: list[str]) -> None:
    assert not allowed(["http://example.com", "http://example.com"], "example.com", "http", allow)


LISTED = [
    ("https://app.example", "https://app.example", True),
    ("https://app.example:443", "https://app.example", True),
    ("https://APP.example", "https://app.example", True),
    ("https://app.example", "https://App.Example:443", True),
    ("http://app.example", "https://app.example", False),
    ("https://app.example:8443", "https://app.example", False),
    ("https://x.app.example", "https://app.example", False),
    ("http://localhost:5173", "http://localhost:5173", True),
    ("http://localhost:5174", "http://localhost:5173", False),
    ("capacitor://localhost", "capacitor://localhost", True),
    ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop", True),
    ("http://[::1]:3000", "http://[0::1]:3000", True),
    ("https://a.example.com", "https://*.example.com", True),
    ("https://a.b.c.example.com", "https://*.example.com", True),
    ("https://a.example.com:443", "https://*.example.com", True),
    ("https://a.example.com:8443", "https://*.example.com:8443", True),
    ("https://a.example.com", "https://*.example.com:8443", False),
    ("https://a.example.com:8443", "https://*.example.com", False),
    ("https://example.com", "https://*.example.com", False),
    ("http://a.example.com", "https://*.example.com", False),
    ("https://a.example.com.", "https://*.example.com", False),
    ("https://a.example.com.evil.com", "https://*.example.com", False),
    ("https://evilexample.com", "https://*.example.com", False),
    ("https://.example.com", "https://*.example.com", False),
    ("https://*.example.com", "https://*.example.com", False),
    ("https://a.example.com/", "https://*.example.com", False),
    ("https://evil.com/.example.com", "https://*.example.com", False),
    ("https://evil.com#.example.com", "https://*.example.com", False),
    ("https://evil.com\\.example.com", "https://*.example.com", False),
    ("https://evil.com:80.example.com", "https://*.example.com", False),
    ("https://user@a.example.com", "https://*.example.com", False),
    ("https://anything.at:99", "*", True),
    ("file://", "*", True),
    ("null", "*", False),
    ("", "*", False),
]


@pytest.mark.parametrize(("origin", "entry", "expected"), LISTED)
def test_the_allow_list_admits_what_it_names_and_nothing_else(
    origin: str, entry: str, expected: bool
) -> None:
    assert allowed([origin], "hub.internal:8000", "http", ["https://unrelated.example", entry]) is expected


def test_the_allow_list_adds_to_the_servers_own_origin() -> None:
    policy = OriginPolicy(["https://app.example"])
    assert policy.allows(["http://hub.internal"], "hub.internal", "http")
    assert not policy.allows_any
    assert OriginPolicy(["*"]).allows_any


MISTAKES = [
    ("example.com", "write 'https://example.com'"),
    ("*.example.com", "write 'https://*.example.com'"),
    ("https://example.com/", "write 'https://example.com'"),
    ("https://*.example.com/", "write 'https://*.example.com'"),
    ("https://example.com/app", "without path"),
    ("https://user@example.com", "without path, user"),
    ("https://example.com:99999", "SCHEME://HOST"),
    ("https://", "SCHEME://HOST"),
    ("", "needs a scheme"),
    ("null", "cannot be allowed"),
    ("https://bücher.example", "xn--"),
    ("https://*.com", "at least two labels"),
    ("https://*.localhost", "at least two labels"),
    ("https://*.example.", "at least two labels"),
    ("https://*.0.0.1", "at least two labels"),
    ("https://*", "alone, for every origin"),
    ("https://*example.com", "a star stands for the first label"),
    ("https://a.*.example.com", "a star stands for the first label"),
    ("https://*.*.example.com", "a star stands for the first label"),
    ("*://example.com", "a star stands for the first label"),
    ("https://example.com:*", "a star stands for the first label"),
]


@pytest.mark.parametrize(("entry", "fix"), MISTAKES)
def test_a_mistake_in_the_allow_list_names_the_fix(entry: str, fix: str) -> None:
    with pytest.raises(ConfigError) as raised:
        OriginPolicy(["https://fine.example", entry])
    assert fix in str(raised.value)


def test_an_allow_list_that_is_no_list_names_the_fix() -> None:
    with pytest.raises(ConfigError, match="are a list"):
        OriginPolicy("https://example.com")
    with pytest.raises(ConfigError, match="is a text"):
        OriginPolicy([5])  # type: ignore[list-item]


def test_a_very_long_host_is_refused_and_not_taken_apart() -> None:
    assert parse_origin("http://" + "a." * 4000 + "com") is None


@given(st.text(max_size=60), st.text(max_size=30))
def test_no_text_at_all_raises(origin: str, host: str) -> None:
    allowed([origin], host, "http", ["https://*.example.com"])
    allowed([f"http://{origin}"], host, "http", [])


@given(st.text(alphabet="abcexmpl.:/@#?\\[]-*0189 ", max_size=30))
def test_only_the_host_itself_is_taken_for_the_host(authority: str) -> None:
    if allowed([f"http://{authority}"], "example.com", "http", []):
        assert authority in ("example.com", "example.com:80", "example.com:0080", "example.com:00080")

"""The one credential: headers, cookie, and what is refused."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.auth.credential import Credential, Via
from gapless.errors import ConfigError

TOKEN = "5f3c9a7be1d2480696"
NOW = 1_800_000_000.0


def credential() -> Credential:
    return Credential(TOKEN)


def cookie_header(of: Credential, value: str) -> tuple[bytes, bytes]:
    return b"cookie", f"{of.cookie_name}={value}".encode()


def value_of(set_cookie: str) -> str:
    return set_cookie.split(";")[0].partition("=")[2]


@pytest.mark.parametrize(
    ("token", "fix"),
    [
        ("", "is empty"),
        ("short", "at least 16"),
        ("secret", "at least 16"),
        ("changeme-changeme-now1", "sample"),
        ("operator-token-please", "sample"),
        ("5f3c9a7be1d2480696\n", "headers cannot carry"),
        ("5f3c 9a7b e1d2 4806", "headers cannot carry"),
        ("schlüssel-5f3c9a7be1d2", "headers cannot carry"),
        ("\x005f3c9a7be1d24806", "headers cannot carry"),
        ("5f3c9a7be1d24806" * 17, "at most 256"),
    ],
)
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(token: str, fix: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Credential(token)
    assert fix in str(raised.value)
    assert not token or token not in str(raised.value)


def test_a_sign_in_lasts_at_least_a_second() -> None:
    with pytest.raises(ConfigError, match="cookie_seconds"):
        Credential(TOKEN, cookie_seconds=0)


def test_the_token_matches_and_nothing_else_does() -> None:
    checks = credential()
    assert checks.matches(TOKEN)
    assert checks.matches(TOKEN.encode())
    for wrong in (
        "",
        TOKEN[:-1],
        TOKEN + "x",
        TOKEN.upper(),
        " " + TOKEN,
        "\udcff",
        "schlüssel",
        "\ud800" * 8,
    ):
        assert not checks.matches(wrong)
    for raw in (b"", b"\xff\xfe", TOKEN.encode("utf-16"), TOKEN.encode() + b"\x00"):
        assert not checks.matches(raw)


def test_the_token_never_shows() -> None:
    checks = credential()
    assert TOKEN not in repr(checks)
    assert TOKEN not in checks.cookie(NOW, secure=True)


@pytest.mark.parametrize(
    "header",
    [
        (b"x-api-key", TOKEN.encode()),
        (b"X-API-Key", TOKEN.encode()),
        (b"x-api-key", b" " + TOKEN.encode() + b"\t"),
        (b"authorization", b"apikey " + TOKEN.encode()),
        (b"Authorization", b"ApiKey " + TOKEN.encode()),
        (b"authorization", b"Bearer " + TOKEN.encode()),
        (b"authorization", b"BEARER   " + TOKEN.encode()),
    ],
)
def test_the_token_is_found_in_a_header(header: tuple[bytes, bytes]) -> None:
    assert credential().present_in([(b"host", b"example.com"), header], NOW) is Via.HEADER


@pytest.mark.parametrize(
    "header",
    [
        (b"x-api-key", b""),
        (b"x-api-key", TOKEN.encode()[:-1]),
        (b"x-api-key", b"apikey " + TOKEN.encode()),
        (b"x-api-key", b"\xff\xfe\x00"),
        (b"x-api-keys", TOKEN.encode()),
        (b"authorization", TOKEN.encode()),
        (b"authorization", b"Basic " + TOKEN.encode()),
        (b"authorization", b"Bearer"),
        (b"authorization", b"Bearer " + TOKEN.encode() + b" x"),
        (b"proxy-authorization", b"Bearer " + TOKEN.encode()),
        (b"cookie", TOKEN.encode()),
        (b"cookie", b"token=" + TOKEN.encode()),
    ],
)
def test_anything_else_in_a_header_is_no_credential(header: tuple[bytes, bytes]) -> None:
    assert credential().present_in([header], NOW) is None


def test_no_header_is_no_credential() -> None:
    assert credential().present_in([], NOW) is None


def test_one_credential_that_is_right_is_enough() -> None:
    headers = [(b"x-api-key", b"wrong"), (b"authorization", b"Bearer " + TOKEN.encode())]
    assert credential().present_in(headers, NOW) is Via.HEADER


def test_the_cookie_of_a_sign_in_is_a_credential_until_it_expires() -> None:
    checks = Credential(TOKEN, cookie_seconds=60)
    header = cookie_header(checks, value_of(checks.cookie(NOW, secure=False)))
    assert checks.present_in([header], NOW) is Via.COOKIE
    assert checks.present_in([header], NOW + 59.9) is Via.COOKIE
    assert checks.present_in([header], NOW + 60) is None


def test_the_cookie_is_found_among_others() -> None:
    checks = credential()
    name, value = cookie_header(checks, value_of(checks.cookie(NOW, secure=False)))
    forged = f"{checks.cookie_name}=1.2; ".encode()
    assert checks.present_in([(name, b"a=b;  " + value + b" ;c")], NOW) is Via.COOKIE
    assert checks.present_in([(name, forged + value)], NOW) is Via.COOKIE
    assert checks.present_in([(name, b"a=b"), (name, value)], NOW) is Via.COOKIE
    assert checks.present_in([(name, value), (name, b"a=b")], NOW) is Via.COOKIE


def test_a_header_counts_more_than_the_cookie() -> None:
    checks = credential()
    cookie = cookie_header(checks, value_of(checks.cookie(NOW, secure=False)))
    assert checks.present_in([cookie, (b"x-api-key", TOKEN.encode())], NOW) is Via.HEADER
    assert checks.present_in([cookie, (b"x-api-key", b"wrong")], NOW) is Via.COOKIE


def test_a_forged_cookie_is_no_credential() -> None:
    checks = credential()
    expires, signature = value_of(checks.cookie(NOW, secure=False)).split(".")
    later = str(int(expires) + 1)
    forged = [
        "",
        ".",
        expires,
        f"{expires}.",
        f"{later}.{signature}",
        f"{expires}.{signature.upper()}",
        f"{expires}.{signature[:-1]}",
        f"{expires}.{signature}0",
        f"{expires}.{'0' * 64}",
        f"0{expires}.{signature}",
        f"-{expires}.{signature}",
        f"+{expires}.{signature}",
        f"{expires}.{signature}\n",
        f"９{expires[1:]}.{signature}",
        f"{'9' * 400}.{signature}",
        f"{later}.{hashlib.sha256(later.encode()).hexdigest()}",
        f"{later}.{hmac.digest(TOKEN.encode(), later.encode(), 'sha256').hex()}",
    ]
    assert checks.check_cookie(f"{expires}.{signature}".encode(), NOW)
    for value in forged:
        assert not checks.check_cookie(value.encode(), NOW), value


def test_another_token_signs_everybody_out() -> None:
    before, after = credential(), Credential("c0ffee5f3c9a7be1d2")
    value = value_of(before.cookie(NOW, secure=False))
    assert not after.check_cookie(value.encode(), NOW)
    assert before.cookie_name != after.cookie_name


def test_every_process_with_the_same_token_accepts_the_cookie() -> None:
    value = value_of(credential().cookie(NOW, secure=False))
    assert credential().check_cookie(value.encode(), NOW)


def test_the_cookie_is_kept_from_scripts_and_other_sites() -> None:
    checks = credential()
    plain = checks.cookie(NOW, secure=False, path="/live").split("; ")
    assert plain[1:] == ["Path=/live", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]
    assert checks.cookie(NOW, secure=True).split("; ")[1:] == [
        "Path=/",
        "Max-Age=43200",
        "HttpOnly",
        "SameSite=Strict",
        "Secure",
    ]


def test_signing_out_makes_the_browser_forget() -> None:
    checks = credential()
    assert checks.sign_out_cookie(secure=True, path="/live") == (
        f"{checks.cookie_name}=; Path=/live; Max-Age=0; HttpOnly; SameSite=Strict; Secure"
    )
    assert checks.present_in([cookie_header(checks, "")], NOW) is None


@pytest.mark.parametrize("path", ["/live; Domain=evil.com", "/live\r\nSet-Cookie: a=b", "/größe", '/"live"'])
def test_no_mount_path_adds_an_attribute_or_a_header(path: str) -> None:
    cookie = credential().cookie(NOW, secure=True, path=path)
    assert cookie.isascii()
    assert cookie.isprintable()
    assert cookie.count(";") == 5


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=80)), max_size=5))
def test_no_headers_at_all_raise(headers: list[tuple[bytes, bytes]]) -> None:
    assert credential().present_in(headers, NOW) is None


@given(st.sampled_from([b"cookie", b"authorization", b"x-api-key"]), st.binary(max_size=80))
def test_no_value_of_a_header_raises(name: bytes, value: bytes) -> None:
    checks = credential()
    assert checks.present_in([(name, value), (name, checks.cookie_name.encode() + b"=" + value)], NOW) is None


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    assert not credential().matches(text)

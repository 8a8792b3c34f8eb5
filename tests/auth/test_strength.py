"""Which secrets are refused."""

from __future__ import annotations

import base64
import random
import uuid

import pytest

from gapless.auth.strength import check_strength
from gapless.errors import ConfigError

WEAK = [
    ("", "is empty"),
    ("abc", "has 3 bytes, at least 16"),
    ("fifteen-bytes-x", "has 15 bytes, at least 16"),
    ("aaaaaaaaaaaaaaaaaaaaaaaa", "repeats"),
    ("ababababcdcdcdcdab", "repeats"),
    ("Zx81!Zx81!Zx81!Zx81!", "repeats"),
    ("0123456789abcdef", "sequence"),
    ("1234567890123456", "sequence"),
    ("abcdefghijklmnopqrstuvwxyz", "sequence"),
    ("your-256-bit-secret", "sample"),
    ("a-string-secret-at-least-256-bits-long", "sample"),
    ("a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long", "sample"),
    ("changeme-changeme-now1", "sample"),
    ("please_change_me_please", "sample"),
    ("supersecrettoken1234", "sample"),
    ("My-Secret-Token-2024", "sample"),
    ("gapless-operator-token", "sample"),
    ("bbe7d157-a253-4094-9759-06a8236543f9", "sample"),
    ("d7627bb6-2292-4911-82e1-615c0ed3eebb", "sample"),
]


@pytest.mark.parametrize(("secret", "reason"), WEAK)
def test_a_weak_secret_is_refused_with_the_reason_and_a_remedy(secret: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_strength("the_option", secret.encode(), 16)
    text = str(raised.value)
    assert text.startswith("the_option ")
    assert reason in text
    assert "openssl rand -hex 16" in text
    assert not secret or secret not in text


def test_a_random_secret_of_any_usual_kind_is_accepted() -> None:
    source = random.Random(20261122)
    for _ in range(500):
        raw = source.randbytes(32)
        check_strength("token", raw[:8].hex().encode(), 16)
        check_strength("token", base64.b64encode(raw[:12]), 16)
        check_strength("secret", raw[:16].hex().encode(), 32)
        check_strength("secret", base64.urlsafe_b64encode(raw[:24]), 32)
        check_strength("secret", str(uuid.UUID(bytes=raw[:16], version=4)).encode(), 32)
        check_strength("secret", raw, 32)


def test_words_beside_enough_that_is_random_are_fine() -> None:
    check_strength("token", b"gapless-token-9f86d081884c", 16)
    check_strength("secret", "größer-als-die-summe-der-teile-7".encode(), 32)

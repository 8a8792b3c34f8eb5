"""Is a secret of the configuration long enough, and not one that anybody can look up?"""

from __future__ import annotations

import re
from itertools import pairwise

from ..errors import ConfigError

_PUBLISHED = frozenset(
    {
        # In the configuration that Centrifugo's documentation shows, and so in many copies of it.
        b"bbe7d157-a253-4094-9759-06a8236543f9",
        b"d7627bb6-2292-4911-82e1-615c0ed3eebb",
        b"d0683813-0916-4c49-979f-0e08a686b727",
        b"4e9eafcf-0120-4ddd-b668-8dc40072c78e",
        b"46b38493-147e-4e3f-86e0-dc5ec54f5133",
        b"ad0dff75-3131-4a02-8d64-9279b4f1c57b",
        b"583bc4b7-0fa5-4c4a-8566-16d3ce4ad401",
        b"aaaf202f-b5f8-4b34-bf88-f6c03a1ecda6",
    }
)

# What documentation builds its samples from: your-256-bit-secret, please_changeme.
_LONG_WORDS = b"""
    admin and api apikey base bit bits bytes change changeme changethis char chars character characters
    connection credential default demo dev development example fake for foo bar gapless here hmac hub
    insert jwt jwts key least live local localhost long longer minimum must name new not operator pass
    passphrase passwd password please prod production publisher put qwerty random realtime replace
    replaceme sample secret secrets server sha shared should sign signing some staging string subscription
    super test testing tests than that the this todo token tokens top use user valid very which with word
    xxx your
    """.split()
_SHORT_WORDS = b"a an as at be by do in is it me min my of on or to".split()

# One part between punctuation. Long words may be joined and have a short number at either end; the short
# ones must stand alone, as they also occur in random characters.
_SAMPLE = re.compile(
    rb"(?:[0-9]{0,4}(?:%s)+)?[0-9]{0,4}|%s" % (b"|".join(_LONG_WORDS), b"|".join(_SHORT_WORDS))
)
_PART = re.compile(rb"[^!-/:-@\[-`{-~ ]+")  # anything without ASCII punctuation


def check_strength(name: str, secret: bytes, min_bytes: int, *, allow_weak: bool = False) -> None:
    """Refuse a secret that can be guessed. `name` is the option's, for the message.

    `allow_weak` refuses an empty one only.

    Raises:
        ConfigError: it is shorter than `min_bytes`, repeats itself, counts up, or is a sample.
            The text never holds the secret.
    """
    wrong = _weakness(secret, min_bytes) if not (allow_weak and secret) else None
    if wrong is not None:
        raise ConfigError(f"{name} {wrong}; make one with: openssl rand -hex {max(min_bytes, 16)}")


def _weakness(secret: bytes, min_bytes: int) -> str | None:
    if not secret:
        return "is empty"
    if len(secret) < min_bytes:
        return f"has {len(secret)} bytes, at least {min_bytes} are needed"
    if len(set(secret)) < 5 or secret in (secret + secret)[1:-1]:
        return "repeats the same few characters"
    if _counts(secret):
        return "is a sequence of neighbouring characters"
    if secret in _PUBLISHED or _beside_words(secret) < min_bytes // 2:
        return "is a sample from documentation"
    return None


def _counts(secret: bytes) -> bool:
    """Do more than three quarters of the characters stand next to their neighbour, as in 12345678?"""
    steps = sum(abs(after - before) <= 1 for before, after in pairwise(secret))
    return steps * 4 > (len(secret) - 1) * 3


def _beside_words(secret: bytes) -> int:
    """How many bytes are left without punctuation and the words of documentation."""
    return sum(len(part) for part in _PART.findall(secret.lower()) if not _SAMPLE.fullmatch(part))

"""What holds of `protocol/centrifuge/delta`, whatever is put in."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from gapless.protocol.centrifuge import delta
from gapless.protocol.centrifuge.delta import BadDelta

from ....protocol.centrifuge.test_delta import ROWS


class TestFormat:
    @given(st.binary(max_size=40), st.binary(max_size=40))
    def test_any_bytes_give_a_target_or_the_one_error(self, source: bytes, garbage: bytes) -> None:
        try:
            target = delta.apply(source, garbage)
        except BadDelta:
            return
        assert garbage.endswith(checksum(target) + b";")


def checksum(target: bytes) -> bytes:
    """The checksum in base 64, the slow way."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
    padded = target + bytes(-len(target) % 4)
    total = sum(int.from_bytes(padded[at : at + 4], "big") for at in range(0, len(padded), 4)) % 2**32
    found = ""
    while total:
        found = digits[total % 64] + found
        total //= 64
    return (found or "0").encode()


parts = st.sampled_from(
    [b"", b"a", b"\x00" * 40, "grün – 日本".encode(), ROWS[:300], ROWS[150:500], bytes(range(256))]
)


pieces = st.lists(parts | st.binary(max_size=40), max_size=6).map(b"".join)


texts = st.lists(st.sampled_from(["a", "ü", "日", "😀", "grüne Häuser und 日本 "]), max_size=30).map("".join)


@given(pieces, pieces)
@example(ROWS, ROWS[:500] + b"x" + ROWS[400:])
@example(ROWS, ROWS[::-1])
def test_a_delta_makes_the_target_of_the_source(source: bytes, target: bytes) -> None:
    patch = delta.create(source, target)
    assert delta.apply(source, patch) == target
    assert patch.endswith(checksum(target) + b";")


@given(texts, texts)
@example("x" * 40 + "é", "x" * 40 + "è")  # which begin with the same byte
@example("¢" + "x" * 40, "â" + "x" * 40)  # which end with the same byte
def test_a_delta_between_texts_never_cuts_a_character(source: str, target: str) -> None:
    patch = delta.create(source.encode(), target.encode())
    assert delta.fits_json(patch)
    assert delta.apply(source.encode(), patch) == target.encode()

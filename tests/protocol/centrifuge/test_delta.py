"""Fossil deltas: what is made of two payloads makes the second of the first, and is worth it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from gapless.model import Publication
from gapless.protocol.centrifuge import delta
from gapless.protocol.centrifuge.codecs import delta_form, delta_forms
from gapless.protocol.centrifuge.delta import BadDelta
from gapless.protocol.centrifuge.messages import DeltaForm

ROWS = "".join(f'{{"id":{n},"name":"Zeile {n} – grün","open":true}}' for n in range(200)).encode()


class Counting(bytes):
    """Counts how often a part is taken of it."""

    taken = 0

    def __getitem__(self, key):  # type: ignore[no-untyped-def]
        Counting.taken += 1
        return super().__getitem__(key)


class TestFormat:
    @pytest.mark.parametrize(
        ("source", "target", "expected"),
        [
            (b"", b"", b"0\n0;"),
            (b"", b"abc", b"3\n3:abc1XObC0;"),
            (b"abcdefgh", b"abcdefgh", b"8\n8@0,36nCgC;"),
            (b"abcdefgh", b"abcdefghXY", b"A\n8@0,2:XYV8SgC;"),
            (b"abcdefghij", b"bcdefghij", b"9\n9@1,nnhoE;"),
            (b"x" * 64, b"x" * 64, b"10\n10@0,27XtU0;"),
        ],
    )
    def test_literal_deltas(self, source: bytes, target: bytes, expected: bytes) -> None:
        assert delta.create(source, target) == expected
        assert delta.apply(source, expected) == target

    @pytest.mark.parametrize(
        ("size", "digits"),
        [(9, b"9"), (10, b"A"), (35, b"Z"), (36, b"_"), (37, b"a"), (62, b"z"), (63, b"~"), (64, b"10")],
    )
    def test_digits_are_in_the_order_of_fossil(self, size: int, digits: bytes) -> None:
        assert delta.create(b"", b"x" * size).startswith(digits + b"\n")

    def test_what_fossil_itself_made_is_applied(self) -> None:
        source = b'{"a":"the quick brown fox","b":"jumps over the lazy dog"}'
        target = b'{"b":"jumps over the lazy dog","a":"the quick brown fox!"}'
        made = b'v\n1:{T@R,S:,"a":"the quick brown fox!"}1Tpq3m;'
        assert delta.apply(source, made) == target

    @pytest.mark.parametrize(
        "broken",
        [
            b"",
            b"8",
            b"8\n",
            b"8\n8@0,",
            b"8\n8@0,36nCgC",
            b"8\n8@0,36nCgC;x",
            b"8\n8@0,36nCgD;",
            b"9\n8@0,36nCgC;",
            b"7\n8@0,36nCgC;",
            b"8\n8@1,36nCgC;",
            b"8\n8@0;36nCgC;",
            b"8\n8!0,36nCgC;",
            b"8\n8:abc",
            b"8\n@0,36nCgC;",
            b"8 \n8@0,36nCgC;",
            b"zzzzzzzzz\n8@0,36nCgC;",
            b"\n0;",
            b"8\n9@0,36nCgC;",
            b"\xff\n",
        ],
    )
    def test_a_broken_delta_is_refused(self, broken: bytes) -> None:
        with pytest.raises(BadDelta):
            delta.apply(b"abcdefgh", broken)

    def test_a_delta_that_promises_little_and_copies_much_is_given_up_at_once(self) -> None:
        source = Counting(b"x" * 64)
        Counting.taken = 0
        with pytest.raises(BadDelta):
            delta.apply(source, b"1\n" + b"10@0," * 1000 + b"0;")
        assert Counting.taken == 1


# -- the law ---------------------------------------------------------------------------------------


def test_a_delta_that_cuts_a_character_does_not_fit_json() -> None:
    cut = b"2\n1@0,1:\xa81m2~~00;"
    assert not delta.fits_json(cut)
    assert delta.fits_json(b"2\n2:\xc3\xa8;")


# -- is it worth it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "at_most"),
    [
        (lambda raw: raw, 20),
        (lambda raw: raw.replace(b"Zeile 77 ", b"Linie 77 "), 30),
        (lambda raw: raw.replace(b"Zeile 7 ", b"Linie 7 ").replace(b"Zeile 150 ", b"Linie 150 "), 45),
        (lambda raw: b"[0, " + raw + b", 0]", 30),
        (lambda raw: raw[5000:] + raw[:5000], 45),
        (lambda raw: raw + raw, 25),
    ],
)
def test_a_small_change_is_a_small_delta(change: Callable[[bytes], bytes], at_most: int) -> None:
    target = change(ROWS)
    patch = delta.create(ROWS, target)
    assert delta.apply(ROWS, patch) == target
    assert len(patch) <= at_most


def test_a_block_that_moved_is_found_in_a_source_above_64_kib() -> None:
    noise = random.Random(1).randbytes
    block, source = noise(4096), noise(100_000)
    source += block + source[:50_000]
    target = noise(1000) + block + noise(1000)
    patch = delta.create(source, target)
    assert delta.apply(source, patch) == target
    assert len(patch) < 2300


@pytest.mark.parametrize("size", [60_000, 500_000])
def test_work_is_bounded_whatever_the_payloads_are(size: int) -> None:
    noise = random.Random(2).randbytes
    source = noise(size)
    shuffled = [source[at : at + 16] for at in range(0, 60_000, 1600)] * 500
    random.Random(3).shuffle(shuffled)
    for hostile in (noise(size), b"".join(shuffled), bytes(size)):
        target = Counting(hostile)
        Counting.taken = 0
        patch = delta.create(source, target)
        assert Counting.taken < 40_000
        assert delta.apply(source, patch) == hostile


# -- delta form ------------------------------------------------------------------------------------


def publication(payload: bytes, offset: int = 1, marked: bool = True) -> Publication:
    return Publication(payload, offset, delta=marked)


class TestDeltaForm:
    old = publication(ROWS, 1)
    new = publication(ROWS.replace(b"Zeile 9 ", b"Linie 9 "), 2)

    def test_a_patch_where_it_is_shorter(self) -> None:
        form = delta_form(self.new, self.old)
        assert form.publication is self.new
        assert form.patch is not None
        assert delta.apply(self.old.payload, form.patch) == self.new.payload
        assert len(form.patch) < 60

    def test_whole_without_a_base(self) -> None:
        assert delta_form(self.new, None) == DeltaForm(self.new)

    def test_whole_when_it_was_not_published_for_delta(self) -> None:
        unmarked = self.new._replace(delta=False)
        assert delta_form(unmarked, self.old) == DeltaForm(unmarked)

    def test_whole_where_a_patch_is_not_shorter(self) -> None:
        other = publication(b'{"a":1}', 2)
        assert delta_form(other, self.old) == DeltaForm(other)

    def test_of_a_list_the_first_is_whole_and_the_others_build_upon_their_neighbours(self) -> None:
        newer = publication(self.new.payload.replace(b"Zeile 3 ", b"Linie 3 "), 3)
        first, second, third = delta_forms([self.old, self.new, newer])
        assert first == DeltaForm(self.old)
        assert second.patch is not None
        assert third.patch is not None
        assert delta.apply(self.new.payload, third.patch) == newer.payload

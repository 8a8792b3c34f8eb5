"""A tally counts by network, and keeps nothing of who has nothing."""

from __future__ import annotations

from gapless.core.rate import Tally


def test_who_gives_back_all_is_forgotten() -> None:
    tally = Tally()
    for address in ("192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::2"):
        tally.add(address)
    assert (tally.of("192.0.2.1"), tally.of("2001:db8::3"), tally.of("192.0.2.2")) == (2, 2, 0)
    assert len(tally) == 2
    for address in ("192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::2"):
        tally.remove(address)
    assert len(tally) == 0


def test_what_has_no_address_is_never_counted() -> None:
    tally = Tally()
    tally.add("")
    tally.remove("")
    assert (tally.of(""), len(tally)) == (0, 0)

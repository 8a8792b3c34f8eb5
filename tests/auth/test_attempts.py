"""How often a sign-in may be tried."""

from __future__ import annotations

from gapless.auth.attempts import Attempts


def test_an_address_has_a_few_tries_and_then_one_at_a_time() -> None:
    attempts = Attempts(burst=3, seconds=10.0)
    assert [attempts.take("10.0.0.1", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]
    assert attempts.take("10.0.0.1", 109.0) == 1.0
    assert attempts.take("10.0.0.1", 110.0) == 0.0
    assert attempts.take("10.0.0.1", 110.0) == 10.0
    assert attempts.refused == 3


def test_the_tries_of_an_address_come_back() -> None:
    attempts = Attempts(burst=3, seconds=10.0)
    for _ in range(3):
        attempts.take("10.0.0.1", 100.0)
    assert [attempts.take("10.0.0.1", 130.0) for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]


def test_one_address_does_not_block_another() -> None:
    attempts = Attempts(burst=2, total_burst=4)
    for _ in range(50):
        attempts.take("10.0.0.1", 100.0)
    assert attempts.take("10.0.0.2", 100.0) == 0.0


def test_all_addresses_together_have_a_bound() -> None:
    attempts = Attempts(burst=5, total_burst=20, total_seconds=2.0)
    taken = [attempts.take(f"10.0.{number}.1", 100.0) for number in range(200)]
    assert taken.count(0.0) == 20
    assert taken[20] == 2.0


def test_what_is_remembered_stays_small_however_many_addresses_try() -> None:
    attempts = Attempts()
    largest = 0
    for number in range(5000):
        attempts.take(f"10.{number // 250}.{number % 250}.1", number * 0.01)
        largest = max(largest, len(attempts))
    assert largest <= 50 + 60
    attempts.take("10.0.0.1", 10_000.0)
    assert len(attempts) == 1


def test_a_network_of_ipv6_is_one_address() -> None:
    attempts = Attempts(burst=1)
    assert attempts.take("2001:db8::1", 100.0) == 0.0
    assert attempts.take("2001:db8::ffff:1", 100.0) > 0.0
    assert attempts.take("2001:db8:0:1::1", 100.0) == 0.0


def test_an_ipv4_address_inside_ipv6_is_the_same_address() -> None:
    attempts = Attempts(burst=1)
    assert attempts.take("::ffff:10.0.0.1", 100.0) == 0.0
    assert attempts.take("10.0.0.1", 100.0) > 0.0
    assert attempts.take("::ffff:10.0.0.2", 100.0) == 0.0


def test_an_address_that_is_none_is_counted_as_it_stands() -> None:
    attempts = Attempts(burst=1)
    for address in ("", "testclient", "fe80::1%eth0", "x" * 10_000):
        assert attempts.take(address, 100.0) == 0.0
        assert attempts.take(address, 100.0) > 0.0


def test_who_signed_in_starts_afresh() -> None:
    attempts = Attempts(burst=1)
    attempts.take("10.0.0.1", 100.0)
    attempts.succeeded("10.0.0.1")
    assert attempts.take("10.0.0.1", 100.0) == 0.0
    attempts.succeeded("10.0.0.9")


def test_signing_in_does_not_give_back_what_all_addresses_share() -> None:
    attempts = Attempts(total_burst=3)
    for _ in range(3):
        attempts.take("10.0.0.1", 100.0)
        attempts.succeeded("10.0.0.1")
    assert attempts.take("10.0.0.1", 100.0) > 0.0

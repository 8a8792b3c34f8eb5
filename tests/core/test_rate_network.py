"""The network of an address: what one machine can have all addresses of."""

from __future__ import annotations

import pytest

from gapless.core.rate import network


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address at all", "no address at all"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_an_address_of_ipv6_counts_as_its_network(address: str, found: str) -> None:
    assert network(address) == found

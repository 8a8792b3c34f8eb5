"""The network of an address: what one machine can have all addresses of."""

from __future__ import annotations

import ipaddress


def network(address: str) -> str:
    """The address; of IPv6 the network of 64 bits, all of whose addresses one machine can have."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))

"""Whether an address is one of the public internet: asked before anything is sent to, or fetched from, an address that
somebody names (webhooks, core/outward.py; a ``video_url``, review_ui/fetching.py). One answer for both.
"""

from __future__ import annotations

import ipaddress

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Parts of IPv6 behind which an IPv4 address stands that a gateway on the way may reach (RFC 6052, 8215).
_EMBEDDING = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


def parsed(text: str) -> IpAddress | None:
    """An address of numbers, its zone aside; None for what is none."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_public(address: IpAddress) -> bool:
    """Whether it is public itself, and so is each address of IPv4 that it carries (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if any(address in network for network in _EMBEDDING):
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(each is not None and not _itself(each) for each in inner):
            return False
        if address.ipv4_mapped is not None:
            return _itself(address.ipv4_mapped)
        if address.is_site_local:
            return False
    return _itself(address)


def _itself(address: IpAddress) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_private or address.is_unspecified
    )

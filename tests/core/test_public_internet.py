"""What is an address of the public internet, whatever way it is written."""

from __future__ import annotations

import pytest

from core.public_internet import is_public, parsed


def public(text: str) -> bool:
    address = parsed(text)
    return address is not None and is_public(address)


INSIDE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "198.18.0.1", "192.0.2.1", "240.0.0.1",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254", "64:ff9b:1::1", "64:ff9b::93.184.216.34",  # whatever stands behind a translator
    "2002:7f00:1::", "2002:a9fe:a9fe::", "2001:0:7f00:1::",
]  # fmt: skip
OUTSIDE = ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_none(address: str):
    assert not public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_one(address: str):
    assert public(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "1.2.3.4.5", "::g"])
def test_what_is_no_address_is_none(text: str):
    assert parsed(text) is None

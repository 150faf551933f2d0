"""IP addresses as hosts of URIs and as sources: each is read once, for a call names the same one again and again."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from keepline.model.limits import SIP_CACHED_CHARS_MAX, SIP_VALUES_CACHED_MAX


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is; None for a name."""
    return _known(host) if len(host) <= SIP_CACHED_CHARS_MAX else None


@lru_cache(SIP_VALUES_CACHED_MAX)
def _known(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None

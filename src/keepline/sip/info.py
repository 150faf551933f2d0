"""A key that an INFO carries: `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`).

Neither was ever standardised; peers without telephone-event send them. INFO packages (RFC 6086) are refused: none is
spoken here.
"""

import re

from keepline.model.errors import PeerError
from keepline.sip.body import parts_of
from keepline.sip.message import Request

INFO_TYPES = ("application/dtmf-relay", "application/dtmf")
INFO_ACCEPT = ", ".join(INFO_TYPES)
_SIGNAL = re.compile(r"^[ \t]*Signal[ \t]*=[ \t]*([^\s]+)[ \t]*$", re.A | re.I | re.M)
_KEYS = {str(code): key for code, key in enumerate("0123456789*#ABCD")} | {key: key for key in "*#ABCD"}
"""Event codes of RFC 4733 too, which some write for `*` and `#`."""


def has_package(info: Request) -> bool:
    """Whether an INFO belongs to an INFO package (RFC 6086 §4.2.2): answered 469."""
    return "Info-Package" in info.headers


def info_key(info: Request) -> str:
    """The key, one of `0123456789*#ABCD`; "" for a signal that is no key, a flash, and for an INFO without a body.

    PeerError 415 for a body of another type, 400 for one that cannot be read.
    """
    if not info.body:
        return ""
    for part in parts_of(info):
        if part.content_type in INFO_TYPES and part.is_plain:
            text = part.data.decode("latin-1").replace("\r", "")
            named = _SIGNAL.search(text)
            return _KEYS.get((named[1] if named is not None else text.strip()).upper(), "")
    raise PeerError("a body that is no key", 415)

"""Who a message says is calling, and why it says it ends a call: headers that are kept, not acted upon.

Nothing is verified here. An asserted identity is worth what the trunk that sent it is worth (RFC 3325 §9.1), a signed
one (RFC 8224) is kept as it stands for whoever can verify it.
"""

import re

from keepline.model.errors import PeerError
from keepline.sip.message import Message, parse_name_addr

ASSERTED_MAX = 2
"""One SIP or SIPS URI and one tel URI (RFC 3325 §9.1)."""
_CAUSE = re.compile(r";\s*cause\s*=\s*(\d{1,3})\s*(?:;|$)", re.A | re.I)


def asserted_identity(message: Message) -> str:
    """The URIs that P-Asserted-Identity holds, else P-Preferred-Identity, parted by a comma; "" for none to be read."""
    for name in ("P-Asserted-Identity", "P-Preferred-Identity"):
        uris = []
        for text in message.headers.get_all(name)[:ASSERTED_MAX]:
            try:
                uris.append(parse_name_addr(text).uri)
            except PeerError:
                continue
        if uris:
            return ", ".join(uris)
    return ""


def signed_identity(message: Message) -> str:
    """The Identity header as it stands (RFC 8224); "" where there is none."""
    return ", ".join(message.headers.get_all("Identity"))


def asked_privacy(message: Message) -> str:
    """What the caller asks to be kept from others, as it stands: `id`, `user`, `none`… (RFC 3323 §4.2, RFC 3325)."""
    return ", ".join(message.headers.get_all("Privacy"))


def reason_of(message: Message) -> tuple[str, int | None]:
    """The Reason header as it stands, and its cause of ITU-T Q.850 where it names one (RFC 3326)."""
    values = message.headers.get_all("Reason")
    for value in values:
        protocol, _, params = value.partition(";")
        cause = _CAUSE.search(";" + params)
        if protocol.strip().upper() == "Q.850" and cause is not None:
            return ", ".join(values), int(cause[1])
    return ", ".join(values), None

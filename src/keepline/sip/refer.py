"""REFER and what its recipient tells of it: the URI to call, the NOTIFY with a fragment of a SIP message.

RFC 3515 (REFER), RFC 3420 (message/sipfrag), RFC 6665 §4.1.3, §8.2.1 (NOTIFY). It refuses to know calls.
"""

import re
from dataclasses import dataclass

from keepline.model.errors import PeerError
from keepline.sip.message import Request
from keepline.sip.reasons import phrase_for
from keepline.sip.telephone import is_tel, plain_number, user_of
from keepline.sip.values import SipUri, parse_name_addr, parse_uri

SIPFRAG = "message/sipfrag"
_STATUS_LINE = re.compile(rb"SIP/2\.0[ \t]+([1-6][0-9][0-9])(?:[ \t]+([^\r\n]*))?(?:\r?\n|\Z)", re.I)
_USER = re.compile(r"\+?[0-9]{2,15}|[A-Za-z][A-Za-z0-9._-]{0,31}", re.A)


@dataclass(frozen=True, slots=True)
class ReferNews:
    """What one NOTIFY says."""

    status: int
    """Of the call that was asked for; 0 where the NOTIFY does not say."""
    reason: str
    is_over: bool
    """No NOTIFY follows."""


def refer_target(target: str, peer_uri: str) -> str:
    """The URI of a number or user at the peer's own domain; a SIP URI as it is. `ValueError` for what is none."""
    if _USER.fullmatch(target):
        peer = parse_uri(peer_uri)
        return f"sip:{target}@{peer.host}" + (f":{peer.port}" if peer.port else "")
    try:
        uri: SipUri = parse_uri(target)
    except PeerError as error:
        raise ValueError(str(error)) from error
    if uri.headers or any(char in target for char in '<>", \r\n'):
        raise ValueError("a SIP URI without headers, such as sip:sales@pbx.example.com")
    return target


def is_of_refer(notify: Request) -> bool:
    """Whether a NOTIFY is of the event package `refer` (RFC 3515 §3); others are answered 489."""
    return (notify.headers.get("Event") or "").partition(";")[0].strip().lower() == "refer"


def refer_news(notify: Request) -> ReferNews:
    """What a NOTIFY says. PeerError 415 for a body that is no fragment, 400 for one that cannot be read."""
    state = (notify.headers.get("Subscription-State") or "").partition(";")[0].strip().lower()
    is_over = state == "terminated"
    if not notify.body:
        return ReferNews(0, "", is_over)
    kind = (notify.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if kind != SIPFRAG:
        raise PeerError(f"a body that is no {SIPFRAG}", 415)
    found = _STATUS_LINE.match(notify.body)
    if found is None:
        raise PeerError(f"a {SIPFRAG} without a status line")
    return ReferNews(int(found[1]), (found[2] or b"").decode("utf-8", "replace").strip(), is_over)


def referred_number(refer: Request) -> str:
    """Whom a REFER would have called, as a number or a name; the host says nothing of who that is.

    PeerError 400 for no Refer-To, several (RFC 3515 §2.4.1) or one that cannot be read, 416 for another scheme, 404 for
    nobody, 501 for anything but a plain call: another method, headers such as Replaces (RFC 3891).
    """
    values = refer.headers.get_all("Refer-To")
    if len(values) != 1:
        raise PeerError("exactly one Refer-To is needed")
    uri = parse_name_addr(values[0]).uri
    if is_tel(uri):
        return _known(user_of(uri))
    if uri.partition(":")[0].lower() != "sip":
        raise PeerError("Refer-To is no sip: or tel: URI", 416)
    target = parse_uri(uri)
    if (target.params.get("method") or "INVITE").upper() != "INVITE":
        raise PeerError("nothing but a call is made by REFER", 501)
    if target.headers:
        raise PeerError("headers in Refer-To, such as Replaces, are not served", 501)
    return _known(target.user or "")


def _known(user: str) -> str:
    number = plain_number(user)
    if not _USER.fullmatch(number):
        raise PeerError("Refer-To names nobody who could be called", 404)
    return number


def fragment(status: int) -> bytes:
    """The body of a NOTIFY (RFC 3515 §2.4.5)."""
    return f"SIP/2.0 {status} {phrase_for(status, '')}\r\n".encode()

"""A dialog: what two user agents must remember of each other, as a frozen value, and the requests sent within it.

Every function returns a new dialog and leaves the old one; branches and tags come in as arguments. It refuses an INVITE
or a 2xx without a usable Contact. Early dialogs are the same value, made from a 1xx with a To tag.
Source: RFC 3261 §12, §13.2.2.4, §13.3.1.4, §17.1.1.3, §9.1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from keepline.model.errors import PeerError
from keepline.model.frozen import frozen, remade
from keepline.sip.client_transaction import ack_for_failure, cancel_for
from keepline.sip.headers import Headers, canonical_name
from keepline.sip.message import Request, Response
from keepline.sip.values import SipUri, Via, parse_name_addr, parse_uri, uri_host_port

__all__ = [
    "Dialog", "DialogKey", "ack_for_2xx", "ack_for_failure", "after_request", "after_response", "cancel_for",
    "dialog_key", "in_order", "make_via", "next_hop", "next_request", "next_uri", "retransmission_times_s",
    "uac_dialog", "uas_dialog",
]  # fmt: skip

DialogKey = tuple[str, str, str]
"""Call-ID, local tag, remote tag."""

MAX_FORWARDS = 70
_TARGET_REFRESHES = frozenset(("INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY"))
_IN_SEQUENCE_WITH_INVITE = frozenset(("ACK", "CANCEL"))
_NOT_IN_REQUEST_URI = frozenset(("method", "lr"))


@frozen
class Dialog:
    call_id: str
    local_tag: str
    remote_tag: str
    """Empty where an RFC 2543 peer gave none (§12.1.1)."""
    local_cseq: int
    """Of the last request sent; 0 before the first."""
    remote_cseq: int | None
    """Of the last request received; None before the first."""
    local_uri: str
    remote_uri: str
    remote_target: str
    """The peer's Contact URI."""
    route_set: tuple[str, ...]
    """Route values, nearest first, as written."""

    @property
    def key(self) -> DialogKey:
        return (self.call_id, self.local_tag, self.remote_tag)


def dialog_key(request: Request) -> DialogKey:
    """The key of the dialog that a request received belongs to (§12.2.2); its local tag is empty outside of any."""
    return (request.call_id, request.to.tag or "", request.from_.tag or "")


def uas_dialog(request: Request, local_tag: str) -> Dialog:
    """The dialog that answering this INVITE creates (§12.1.1). PeerError 400 without one usable Contact."""
    return Dialog(
        call_id=request.call_id,
        local_tag=local_tag,
        remote_tag=request.from_.tag or "",
        local_cseq=0,
        remote_cseq=request.cseq.number,
        local_uri=request.to.uri,
        remote_uri=request.from_.uri,
        remote_target=_invite_contact(request),
        route_set=tuple(request.headers.get_all("Record-Route")),
    )


def uac_dialog(request: Request, response: Response) -> Dialog:
    """The dialog that this answer to our INVITE creates (§12.1.2). PeerError 400 without one usable Contact."""
    return Dialog(
        call_id=request.call_id,
        local_tag=request.from_.tag or "",
        remote_tag=response.to.tag or "",
        local_cseq=request.cseq.number,
        remote_cseq=None,
        local_uri=request.from_.uri,
        remote_uri=request.to.uri,
        remote_target=_contact(response),
        route_set=tuple(reversed(response.headers.get_all("Record-Route"))),
    )


def in_order(dialog: Dialog, request: Request) -> bool:
    """Whether its CSeq may follow what the dialog has seen; one that may not is answered 500 (§12.2.2).

    ACK and CANCEL carry the number of their INVITE and may repeat the last one.
    """
    if dialog.remote_cseq is None:
        return True
    if request.method in _IN_SEQUENCE_WITH_INVITE:
        return request.cseq.number >= dialog.remote_cseq
    return request.cseq.number > dialog.remote_cseq


def after_request(dialog: Dialog, request: Request) -> Dialog:
    """The dialog once a request in order is received: its CSeq, and its Contact if it refreshes the target (§12.2.2).

    PeerError 400 for a Contact that cannot be used.
    """
    if request.method in _IN_SEQUENCE_WITH_INVITE:
        return dialog
    target = dialog.remote_target
    if request.method in _TARGET_REFRESHES and "Contact" in request.headers:
        target = _contact(request)
    return replace(dialog, remote_cseq=request.cseq.number, remote_target=target)


def after_response(dialog: Dialog, response: Response) -> Dialog:
    """The dialog once a request of ours that may refresh the target has its 2xx (§12.2.1.2): its Contact, if usable."""
    try:
        return replace(dialog, remote_target=_contact(response))
    except PeerError:
        return dialog


def next_request(
    dialog: Dialog,
    method: str,
    *,
    branch: str,
    via_host: str,
    via_port: int,
    transport: str = "udp",
    contact: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> tuple[Dialog, Request]:
    """The next request within the dialog and the dialog after sending it (§12.2.1.1). ACK has `ack_for_2xx`.

    `via_host` without brackets, `contact` a URI without angle brackets; `transport` (udp or tcp) is what its Via says.
    A body is application/sdp unless `headers` hold a Content-Type.
    """
    dialog = remade(dialog, local_cseq=dialog.local_cseq + 1)
    via = _via(via_host, via_port, branch, transport)
    request = _request(dialog, method, dialog.local_cseq, via, contact, headers, body)
    return dialog, request


def ack_for_2xx(
    dialog: Dialog,
    *,
    branch: str,
    via_host: str,
    via_port: int,
    transport: str = "udp",
    cseq: int | None = None,
    contact: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Request:
    """The ACK to a 2xx (§13.2.2.4): a transaction of its own with a branch of its own, the CSeq number of the INVITE.

    `cseq` is that number; the dialog's last one unless given. Every copy of the 2xx is answered with the same ACK.
    """
    number = dialog.local_cseq if cseq is None else cseq
    via = _via(via_host, via_port, branch, transport)
    return _request(dialog, "ACK", number, via, contact, headers, body)


def make_via(host: str, port: int, branch: str, transport: str = "udp") -> str:
    """The Via of a request of ours; `host` without brackets, `transport` udp or tcp. It asks for rport (RFC 3581)."""
    return str(_via(host, port, branch, transport))


def _via(host: str, port: int, branch: str, transport: str) -> Via:
    return Via(transport.upper(), f"[{host}]" if ":" in host else host, port, {"branch": branch, "rport": None})


def next_hop(dialog: Dialog) -> tuple[str, int]:
    """Where requests of the dialog are sent (§12.2.1.1, §8.1.2): host and port, an IPv6 address without brackets.

    PeerError 400 for a route that cannot be read.
    """
    return uri_host_port(next_uri(dialog))


def next_uri(dialog: Dialog) -> SipUri:
    """The URI of the next hop, which may name a transport (§19.1.1). PeerError 400 for a route that cannot be read."""
    return _route_uri(dialog.route_set[0]) if dialog.route_set else parse_uri(dialog.remote_target)


def retransmission_times_s(t1_s: float = 0.5, t2_s: float = 4.0) -> Iterator[float]:
    """When a 2xx is sent again while no ACK comes, in seconds after it was first sent (§13.3.1.4).

    T1, then doubling intervals up to T2, ending before 64*T1: there the UAS gives up and sends BYE.
    """
    at_s = interval_s = t1_s
    while at_s < 64 * t1_s:
        yield at_s
        interval_s = min(2 * interval_s, t2_s)
        at_s += interval_s


def _request(
    dialog: Dialog,
    method: str,
    cseq: int,
    via: Via,
    contact: str | None,
    more: Iterable[tuple[str, str]],
    body: bytes,
) -> Request:
    uri, routes = _uri_and_routes(dialog)
    lines = [
        ("Via", str(via)),
        ("Max-Forwards", str(MAX_FORWARDS)),
        *[("Route", route) for route in routes],
        ("From", f"<{dialog.local_uri}>" + (f";tag={dialog.local_tag}" if dialog.local_tag else "")),
        ("To", f"<{dialog.remote_uri}>" + (f";tag={dialog.remote_tag}" if dialog.remote_tag else "")),
        ("Call-ID", dialog.call_id),
        ("CSeq", f"{cseq} {method}"),
    ]
    if contact is not None:
        lines.append(("Contact", f"<{contact}>"))
    lines += [(canonical_name(name), value) for name, value in more]
    headers = Headers.canonical(lines)
    if body and "Content-Type" not in headers:
        headers.add("Content-Type", "application/sdp")
    request = Request(method, uri, headers, body)
    request.know_via(via)
    return request


def _uri_and_routes(dialog: Dialog) -> tuple[str, tuple[str, ...]]:
    """Request-URI and Route values, whether the first proxy routes loosely (lr) or strictly (§12.2.1.1)."""
    if not dialog.route_set:
        return dialog.remote_target, ()
    first = _route_uri(dialog.route_set[0])
    if "lr" in first.params:
        return dialog.remote_target, dialog.route_set
    params = {name: value for name, value in first.params.items() if name not in _NOT_IN_REQUEST_URI}
    strict = replace(first, params=params, headers="")
    return str(strict), (*dialog.route_set[1:], f"<{dialog.remote_target}>")


def _route_uri(route: str) -> SipUri:
    return parse_uri(parse_name_addr(route).uri)


def _contact(message: Request | Response) -> str:
    contacts = message.contacts
    if len(contacts) != 1:
        raise PeerError("not exactly one Contact")
    uri = contacts[0].uri
    parse_uri(uri)
    return uri


def _invite_contact(invite: Request) -> str:
    """Where requests to the caller go. A caller that speaks RFC 2543 may give no Contact: its From serves (§6.13)."""
    is_old = not (invite.top_via.branch or "").startswith("z9hG4bK")
    if is_old and "Contact" not in invite.headers:
        parse_uri(invite.from_.uri)
        return invite.from_.uri
    return _contact(invite)

"""Which way the messages of a call go: plain decisions on its dialog and on where its peer's requests came from.

What came over a connection is answered over it, and our own requests take it too where it leads to whom they are for:
behind a NAT there is no other way. Names are not looked up here.
Source: RFC 3261 §12.2.1.1, §18.1.1, §18.2.2; RFC 3263 §4.1; RFC 5923 §1.
"""

from keepline.call.facts import CallBegun, CallEnded, ReinviteAnswered
from keepline.call.state import CallState
from keepline.model.errors import PeerError
from keepline.sip.dialog import Dialog, next_uri
from keepline.sip.hosts import address_of
from keepline.sip.peers import Address, TcpPeer, peer_at
from keepline.sip.values import uri_host_port


def source_of(fact: CallBegun | ReinviteAnswered | CallEnded) -> Address:
    """Where the request that this fact tells of came from; of a call that we placed, where its first INVITE went."""
    return peer_at(fact.peer_host, fact.peer_port, fact.transport)


def way_of_requests(call: CallState, dialog: Dialog) -> Address:
    """Where our requests of the call's dialog go. PeerError for a route or a target that cannot be read.

    Of a call that we placed that is no error: whoever answered our INVITE is reached where that went.
    """
    reinvite = call.agreement.reinvite
    if call.placing is not None:
        return way_of_ours(dialog, call.peer)
    source = source_of(call.received if reinvite is None else reinvite)
    is_direct = isinstance(source, TcpPeer) and len(call.invite.headers.get_all("Via")) == 1
    return request_way(dialog, source, is_direct=is_direct)


def way_of_ours(dialog: Dialog, peer: Address) -> Address:
    """The same in a dialog that an INVITE of ours to `peer` has made, possibly by way of others."""
    try:
        return request_way(dialog, peer, is_direct=False)
    except PeerError:
        return peer


def request_way(dialog: Dialog, source: Address, *, is_direct: bool) -> Address:
    """Where a request of ours goes, in a dialog whose messages came from `source`.

    `is_direct`: nobody stands between the two of us, so that whatever address the peer gives, its connection `source`
    leads to it.
    For a name, which is not resolved, `source` serves. PeerError for a route or a target that cannot be read.
    """
    uri = next_uri(dialog)
    host, port = uri_host_port(uri)
    transport = (uri.params.get("transport") or "").lower()
    if address_of(host) is None:
        return source
    if not isinstance(source, TcpPeer):
        return TcpPeer(host, port) if transport == "tcp" else (host, port)
    if transport == "udp":
        return host, port
    if is_direct or host == source.host:
        return TcpPeer(source.host, source.port, back=(host, port))
    return TcpPeer(host, port)

"""Whether a call that we place is worth another INVITE after one that failed, and which: a plain decision.

A challenge is answered once (again only where its nonce was stale), a session timer that is too small is raised, a
redirection is followed to its Contacts by q, none of them twice, and a target that does not serve is followed by the
next. A redirection leads to another number only where that may be called, and to another host only within the trunk's
peers: else the new URI goes by the trunk's proxy. All of it together is bounded.
Source: RFC 3261 §8.1.3.4, §8.1.3.5, §13.2.2.2, §22.2, §22.3; RFC 3263 §4.3; RFC 4028 §7.4.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from keepline.call.facts import CallRetried
from keepline.call.outbound.dialog import PROOFS
from keepline.call.outbound.invite import another_invite
from keepline.call.outbound.state import Placing
from keepline.call.state import CallState, request_of, response_of
from keepline.call.turn import Turn
from keepline.model.errors import PeerError
from keepline.model.limits import CALL_ATTEMPTS_MAX, SESSION_EXPIRES_S_MAX
from keepline.model.operation import Trunk
from keepline.sip.digest import Credentials, answer_challenge, redact
from keepline.sip.message import Request, Response
from keepline.sip.peers import Address, peer_at, transport_to
from keepline.sip.session_timer import least_interval_s
from keepline.sip.values import PORT_DEFAULT, NameAddr, SipUri, parse_uri

UNAVAILABLE = 503
CHALLENGES = (401, 407)
_Q_DEFAULT = 1.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """How the next INVITE differs from the last."""

    why: str
    peer: Address
    targets: tuple[tuple[str, int], ...]
    alternatives: tuple[str, ...]
    uri: str = ""
    changed: tuple[tuple[str, str], ...] = ()
    cnonce: str = ""


def next_attempt(turn: Turn, call: CallState, response: Response | None) -> tuple[CallRetried, Request] | None:
    """What follows this answer, or none: the fact, and the INVITE with its credentials; None where the call is over."""
    placing = call.placing
    assert placing is not None
    if placing.attempts >= CALL_ATTEMPTS_MAX:
        return None
    attempt = _attempt(turn, call, response)
    if attempt is None:
        return None
    transport = transport_to(attempt.peer)
    invite = another_invite(call.invite, turn.identity, call.id, transport, uri=attempt.uri, changed=attempt.changed)
    if not attempt.cnonce:  # another server asks for another proof
        for name in PROOFS:
            invite.headers.remove(name)
    fact = CallRetried(
        call.id,
        turn.now_s,
        attempt.why,
        response.status if response is not None else 0,
        response.encode().decode("latin-1") if response is not None else "",
        attempt.peer[0],
        attempt.peer[1],
        transport,
        redact(invite.encode()).decode("latin-1"),
        invite.cseq.number,
        attempt.targets,
        attempt.alternatives,
        attempt.cnonce,
    )
    return fact, invite


def proven(turn: Turn, call: CallState) -> Request:
    """The INVITE in work of a call that was taken over, with the credentials that its facts do not hold."""
    assert call.placing is not None
    return proven_invite(turn, call, call.placing, call.invite)


def proven_invite(turn: Turn, call: CallState, placing: Placing, invite: Request) -> Request:
    """The same of any of its bids."""
    bare = Request("INVITE", invite.uri, invite.headers.copy(), invite.body)
    for name in PROOFS:
        bare.headers.remove(name)
    for fact in placing.retried[placing.unproven :]:
        header = proof_for(turn, call, bare, response_of(fact.response), fact.cnonce, placing.carrier)
        if header is not None:
            invite.headers.set(*header)
    return invite


def _attempt(turn: Turn, call: CallState, response: Response | None) -> Attempt | None:
    placing, trunk = call.placing, _trunk(turn, call)
    assert placing is not None
    status = response.status if response is not None else 0
    peer, targets, alternatives = placing.peer, placing.targets, placing.alternatives
    if response is not None and status in CHALLENGES:
        cnonce = turn.switchboard.token()
        proof = proof_for(turn, call, call.invite, response, cnonce)
        return Attempt("credentials", peer, targets, alternatives, "", (proof,), cnonce) if proof else None
    if response is not None and status == 422:
        timer = _longer_timer(call.invite, response)
        return Attempt("a longer session timer", peer, targets, alternatives, changed=timer) if timer else None
    if response is not None and 300 <= status < 400:
        alternatives = (*_contacts(response), *alternatives)
    elif status in (0, UNAVAILABLE) and targets:
        why = f"next target after {f'a {status}' if status else 'no answer'}"
        return Attempt(why, peer_at(*targets[0], transport_to(peer)), targets[1:], alternatives)
    if 600 <= status < 700:
        return None  # nobody else will take it either (§21.6)
    return _elsewhere(turn, call, trunk, alternatives)


def _elsewhere(turn: Turn, call: CallState, trunk: Trunk | None, alternatives: tuple[str, ...]) -> Attempt | None:
    """The first alternative that was not tried yet and may be called."""
    placing = call.placing
    assert placing is not None
    tried = {call.invite.uri, *(request_of(each.invite).uri for each in placing.retried), _first_uri(call)}
    for index, text in enumerate(alternatives):
        try:
            uri = parse_uri(text)
        except PeerError:
            continue
        if text in tried or uri.scheme != "sip" or not _may_go_to(turn, call, uri.user or ""):
            continue
        peer = _direct(uri, trunk) or placing.peer
        return Attempt(f"redirected to {text}", peer, (), alternatives[index + 1 :], text)
    return None


def _may_go_to(turn: Turn, call: CallState, number: str) -> bool:
    return turn.switchboard.denial(turn, number, call.received.from_number, is_new=False) is None


def _first_uri(call: CallState) -> str:
    assert call.placing is not None
    return request_of(call.placing.begun.invite).uri


def _direct(uri: SipUri, trunk: Trunk | None) -> Address | None:
    """The address that a URI names, where it is of the trunk's peers."""
    host = uri.host.strip("[]")
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if trunk is None or not any(address in ip_network(network) for network in trunk.peers):
        return None
    return peer_at(host, uri.port or PORT_DEFAULT, (uri.params.get("transport") or "udp").lower())


def _contacts(response: Response) -> list[str]:
    """The URIs of a redirection, the best first (§8.1.3.4); what cannot be read is left out."""
    try:
        found = sorted(response.contacts, key=lambda each: -_q_of(each))
    except PeerError:
        return []
    return [each.uri for each in found][:CALL_ATTEMPTS_MAX]


def _q_of(contact: NameAddr) -> float:
    try:
        return float(contact.params.get("q") or _Q_DEFAULT)
    except ValueError:
        return _Q_DEFAULT


def _longer_timer(invite: Request, response: Response) -> tuple[tuple[str, str], ...]:
    """RFC 4028 §7.4: what the 422 asks for, where that is more than we did."""
    least = least_interval_s(response)
    if not least_interval_s(invite) < least <= SESSION_EXPIRES_S_MAX:
        return ()
    asked = int((invite.headers.get("Session-Expires") or "0").partition(";")[0])
    return (("Session-Expires", str(max(asked, least))), ("Min-SE", str(least)))


def proof_for(
    turn: Turn, call: CallState, invite: Request, response: Response, cnonce: str, carrier: str = ""
) -> tuple[str, str] | None:
    """The answer to a challenge of the call's carrier, or of this one; None where we have none, or it was refused."""
    trunk, program = _trunk(turn, call, carrier), turn.program_of(call.received.operation)
    outbound = trunk.outbound if trunk is not None else None
    if outbound is None or program is None or outbound.password is None or not outbound.username:
        return None
    password = program.passwords.get(outbound.password)
    if password is None:
        return None
    return answer_challenge(invite, response, Credentials(outbound.username, password, outbound.realm), cnonce)


def _trunk(turn: Turn, call: CallState, carrier: str = "") -> Trunk | None:
    program = turn.program_of(call.received.operation)
    trunks = program.operation.trunks if program is not None else ()
    return next((trunk for trunk in trunks if trunk.name == (carrier or call.carrier)), None)

"""Whether an INVITE is taken, and by which flow: plain decisions without memory."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network

from keepline.call.effects import Address
from keepline.model.errors import PeerError
from keepline.model.operation import Number, Operation, Trunk
from keepline.sip.message import Request
from keepline.sip.values import SipUri, parse_uri


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final answer other than 200, with its reason for the record."""

    status: int
    why: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes."""

    carrier: str
    to_number: str
    number: Number | None
    refusal: Refusal | None = None


@lru_cache(maxsize=1024)
def trunk_of(trunks: tuple[Trunk, ...], host: str) -> str:
    """Name of the first trunk that has this address among its peers; empty where none has."""
    address = ip_address(host.partition("%")[0])
    for trunk in trunks:
        if any(address in ip_network(peer) for peer in trunk.peers):
            return trunk.name
    return ""


def user_of(uri: str) -> str:
    """User part of a SIP URI, "" where it has none or is of another scheme."""
    try:
        parsed = parse_uri(uri)
    except PeerError:
        return ""
    return (parsed.user or "") if isinstance(parsed, SipUri) else ""


def route_invite(operation: Operation, invite: Request, source: Address, *, draining: bool, full: bool) -> Route:
    """Decide on a new INVITE: its trunk, its number's flow, or why not."""
    carrier = trunk_of(operation.trunks, source[0])
    to_number = user_of(invite.uri)
    number = operation.numbers.get(to_number)
    refusal = None
    required = invite.headers.get_all("Require")
    if not carrier:
        refusal = Refusal(403, f"{source[0]} is not a peer of any trunk")
    elif draining:
        refusal = Refusal(503, "the node takes no new calls: it is stopping")
    elif full:
        refusal = Refusal(503, "every media slot is taken")
    elif required:
        refusal = Refusal(
            420, f"extensions not supported: {', '.join(required)}", (("Unsupported", ", ".join(required)),)
        )
    elif number is None:
        refusal = Refusal(404, f"the operation has no number {to_number!r}")
    return Route(carrier, to_number, number, refusal)

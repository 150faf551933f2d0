"""Whether an INVITE is taken, and by which flow: plain decisions without memory."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from keepline.model.frozen import frozen
from keepline.model.limits import TRUNK_PEERS_CACHED_MAX
from keepline.model.operation import Number, Operation, Trunk
from keepline.sip.hosts import address_of
from keepline.sip.identity import asserted_identity
from keepline.sip.message import Request
from keepline.sip.telephone import plain_number, user_of
from keepline.sip.uas import Refusal, refusal_of


@frozen
class Route:
    """Where a call goes."""

    carrier: str
    to_number: str
    number: Number | None
    refusal: Refusal | None = None
    asserted_identity: str = ""


class TrunkIndex:
    """Which trunk an address is a peer of."""

    __slots__ = ("_found", "_networks")

    def __init__(self, trunks: tuple[Trunk, ...]) -> None:
        self._networks = [(_masked(peer), trunk.name) for trunk in trunks for peer in trunk.peers]
        self._found: dict[str, str] = {}

    def __len__(self) -> int:
        """Addresses remembered."""
        return len(self._found)

    def carrier(self, host: str) -> str:
        """Name of the first trunk that has this address among its peers; empty where none has."""
        name = self._found.get(host)
        if name is None:
            if len(self._found) >= TRUNK_PEERS_CACHED_MAX:
                self._found.clear()
            name = self._found[host] = self._look_up(host)
        return name

    def _look_up(self, host: str) -> str:
        plain = host.partition("%")[0]
        address = address_of(plain) or ip_address(plain)
        address = getattr(address, "ipv4_mapped", None) or address
        version, number = address.version, int(address)
        for (its_version, network, mask), name in self._networks:
            if its_version == version and number & mask == network:
                return name
        return ""


def _masked(peer: str) -> tuple[int, int, int]:
    """The version, number and mask of a network: whether an address is in it is asked with each new one."""
    network = ip_network(peer)
    return network.version, int(network.network_address), int(network.netmask)


def find_number(numbers: Mapping[str, Number], user: str) -> Number | None:
    """What answers a user part: the entry that is written so, else the one that means the same."""
    exact = numbers.get(user)
    if exact is not None:
        return exact
    plain = plain_number(user)
    if plain != user or not user[:1].isalpha():
        return numbers.get(plain)
    folded = user.casefold()
    return next((number for name, number in numbers.items() if name.casefold() == folded), None)


def route_invite(operation: Operation, invite: Request, carrier: str, stranger: Refusal | None, *, busy: str) -> Route:
    """Decide on a new INVITE of the trunk `carrier`, or of a `stranger`: its number's flow, or why not.

    `busy` says why no call is taken now; empty where calls are.
    """
    to_number = user_of(invite.uri)
    number = find_number(operation.numbers, to_number)
    refusal: Refusal | None
    if stranger is not None:
        refusal = stranger
    elif busy:
        refusal = Refusal(503, busy)
    else:
        refusal = refusal_of(invite)
        if refusal is None and number is None:
            refusal = Refusal(404, f"the operation has no number {to_number!r}")
    is_trusted = any(trunk.trusted and trunk.name == carrier for trunk in operation.trunks)
    return Route(carrier, to_number, number, refusal, asserted_identity(invite) if is_trusted else "")

"""Users of trunks: who proves to be one by digest, wherever it calls from (RFC 3261 §22, RFC 7616, RFC 8760).

Challenges are stateless (§8.2.7): a successor knows the nonces of its predecessor by their key. What is remembered may
be lost: which uses of a nonce were seen (against replays, RFC 7616 §3.4), and which addresses have proved themselves.
It refuses to answer anything; that is the gate's.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from keepline.model import limits
from keepline.model.capability import SecretRef
from keepline.model.ids import IdSource
from keepline.model.operation import Operation
from keepline.sip.digest import (
    Algorithm,
    DigestAnswer,
    Header,
    answers_in,
    challenge_headers,
    is_for,
    is_fresh,
    mint_nonce,
    nonce_age_s,
    proves,
)
from keepline.sip.message import Request

KNOWN_HOST_S = 3600.0
"""How long an address that has proved to be a user's is no stranger's."""


class Proof(Enum):
    """What a request's credentials are worth."""

    GIVEN = auto()
    """It is a user's."""
    NONE = auto()
    """There are none, or none for a nonce of ours: it is to be asked."""
    STALE = auto()
    """They are right, and the nonce is old or used: it is to be asked again."""
    WRONG = auto()


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a request says to be, and what that is worth."""

    proof: Proof
    user: str = ""
    trunk: str = ""
    """Of a user that has proved it."""
    why: str = ""
    """What is wrong, for the record and the log."""


class Users:
    """The users of one operation's trunks, and the nonces of one node."""

    __slots__ = ("_algorithms", "_hosts", "_ids", "_key", "_nonces", "_realm", "_users")

    def __init__(self, key: bytes, ids: IdSource) -> None:
        """`key` is the same in every process of the node."""
        self._key = key
        self._ids = ids
        self._realm = ""
        self._algorithms: tuple[Algorithm, ...] = ()
        self._users: dict[str, tuple[str, str | None]] = {}
        self._hosts: OrderedDict[str, float] = OrderedDict()
        self._nonces: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._users)

    @property
    def remembered(self) -> tuple[int, int]:
        """Addresses and nonces."""
        return len(self._hosts), len(self._nonces)

    def use(self, operation: Operation, passwords: Mapping[SecretRef, str]) -> None:
        """Know this operation's users. One without a password among `passwords` can prove nothing."""
        self._realm = operation.name
        self._algorithms = tuple(map(Algorithm, operation.sip.challenges))
        self._users = {
            user.name: (trunk.name, passwords.get(user.password)) for trunk in operation.trunks for user in trunk.users
        }

    def knows(self, now_s: float, host: str) -> bool:
        """Whether a user has called from there within the last hour."""
        proved_at_s = self._hosts.get(host)
        return proved_at_s is not None and proved_at_s + KNOWN_HOST_S > now_s

    def challenge(self, now_s: float, host: str, *, stale: bool = False) -> list[Header]:
        """What a 401 asks with."""
        nonce = mint_nonce(self._key, now_s, self._ids.token(8), host)
        return challenge_headers(self._realm, nonce, stale=stale, among=self._algorithms)

    def claim(self, now_s: float, request: Request, host: str) -> Claim:
        """What a request's credentials are worth. PeerError 400 for some that cannot be read."""
        for answer in answers_in(request):
            if answer.realm == self._realm:
                return self._claim(now_s, answer, request, host)
        return Claim(Proof.NONE)

    def _claim(self, now_s: float, answer: DigestAnswer, request: Request, host: str) -> Claim:
        age_s = nonce_age_s(self._key, now_s, answer.nonce, host)
        if age_s is None:
            return Claim(Proof.NONE)  # a guess costs nothing here, so it is not even weighed
        user = answer.username[:64]
        trunk, password = self._users.get(answer.username, ("", None))
        is_proved = proves(answer, request, password or "", self._algorithms)
        if not trunk:
            return Claim(Proof.WRONG, user, why=f"there is no user {user!r}")
        if password is None:
            return Claim(Proof.WRONG, user, why=f"the password of the user {user!r} could not be read at the start")
        if not is_proved:
            return Claim(Proof.WRONG, user, why=f"a wrong password for the user {user!r}")
        if not is_for(answer, request):
            return Claim(Proof.WRONG, user, why=f"credentials of the user {user!r} for another URI")
        if not is_fresh(age_s) or not self._is_first_use(answer):
            return Claim(Proof.STALE, user)
        self._remember_host(now_s, host)
        return Claim(Proof.GIVEN, user, trunk)

    def _is_first_use(self, answer: DigestAnswer) -> bool:
        """Whether this count of this nonce is new (RFC 7616 §3.4)."""
        count, last = int(answer.nc, 16), self._nonces.pop(answer.nonce, 0)
        self._nonces[answer.nonce] = max(count, last)
        if len(self._nonces) > limits.NONCES_REMEMBERED_MAX:
            self._nonces.popitem(last=False)
        return count > last

    def _remember_host(self, now_s: float, host: str) -> None:
        self._hosts.pop(host, None)
        self._hosts[host] = now_s
        if len(self._hosts) > limits.USER_HOSTS_MAX:
            self._hosts.popitem(last=False)

"""One registration at a registrar, as its client: asked for, proved, renewed in time, tried again, and taken back.

The user of it sends what it is given and tells what came of it, one request at a time (RFC 3261 §10.2). It refuses to
know transactions and addresses. A successor of a process goes on under the same Call-ID, and since its CSeq is taken
from the clock it never goes backwards; the binding is the same address, so nothing else is handed over.
Source: RFC 3261 §10.2, §10.2.8 (423), §22; RFC 5626 §4.5 has the idea of the pauses.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from keepline.model.errors import PeerError
from keepline.model.limits import (
    REGISTER_ATTEMPTS_MAX,
    REGISTER_PAUSE_S_MAX,
    REGISTER_PAUSE_S_MIN,
    REGISTRATION_EXPIRES_S_MAX,
)
from keepline.sip.dialog import make_via
from keepline.sip.digest import Credentials, answer_challenge
from keepline.sip.message import Headers, Request, Response
from keepline.sip.values import parse_uri

BRANCH = "z9hG4bK-reg-"
CSEQ_EPOCH_S = 1_767_225_600
"""2026-01-01: CSeq counts quarters of a second from here, and fits into 31 bits until 2043."""
CSEQ_PER_S = 4
CSEQ_MAX = 2**31 - 1
RENEWED_AT = 0.75
"""Of its time, a registration is renewed; up to `RENEWED_SPREAD` later, so that many do not come at once."""
RENEWED_SPREAD = 0.1


class Standing(Enum):
    """How far it is."""

    IDLE = "idle"
    TRYING = "trying"
    """A request is under way."""
    REGISTERED = "registered"
    WAITING = "waiting"
    """It failed, and is tried again after a pause."""
    ENDING = "ending"
    """A request is under way, after which it is taken back."""
    LEAVING = "leaving"
    """The request that takes it back is under way."""
    GONE = "gone"


class _Event(Enum):
    """What may happen to it."""

    DUE = auto()
    ACCEPTED = auto()
    CHALLENGED = auto()
    TOO_BRIEF = auto()
    FAILED = auto()
    STOP = auto()


class _Action(Enum):
    """What is done about it."""

    SEND = auto()
    PROVE = auto()
    LENGTHEN = auto()
    NOTE_ACCEPTED = auto()
    NOTE_FAILED = auto()
    FORGET = auto()


RegistrationTable = dict[tuple[Standing, _Event], tuple[Standing, tuple[_Action, ...]]]
TABLE: RegistrationTable = {
    (Standing.IDLE, _Event.DUE): (Standing.TRYING, (_Action.SEND,)),
    (Standing.IDLE, _Event.STOP): (Standing.GONE, ()),
    (Standing.TRYING, _Event.CHALLENGED): (Standing.TRYING, (_Action.PROVE,)),
    (Standing.TRYING, _Event.TOO_BRIEF): (Standing.TRYING, (_Action.LENGTHEN, _Action.SEND)),
    (Standing.TRYING, _Event.ACCEPTED): (Standing.REGISTERED, (_Action.NOTE_ACCEPTED,)),
    (Standing.TRYING, _Event.FAILED): (Standing.WAITING, (_Action.NOTE_FAILED,)),
    (Standing.TRYING, _Event.STOP): (Standing.ENDING, ()),
    (Standing.REGISTERED, _Event.DUE): (Standing.TRYING, (_Action.SEND,)),
    (Standing.REGISTERED, _Event.STOP): (Standing.LEAVING, (_Action.FORGET, _Action.SEND)),
    (Standing.WAITING, _Event.DUE): (Standing.TRYING, (_Action.SEND,)),
    (Standing.WAITING, _Event.STOP): (Standing.LEAVING, (_Action.FORGET, _Action.SEND)),
    (Standing.ENDING, _Event.ACCEPTED): (Standing.LEAVING, (_Action.FORGET, _Action.SEND)),
    (Standing.ENDING, _Event.CHALLENGED): (Standing.GONE, (_Action.FORGET,)),
    (Standing.ENDING, _Event.TOO_BRIEF): (Standing.GONE, (_Action.FORGET,)),
    (Standing.ENDING, _Event.FAILED): (Standing.GONE, (_Action.FORGET,)),
    (Standing.LEAVING, _Event.CHALLENGED): (Standing.LEAVING, (_Action.PROVE,)),
    (Standing.LEAVING, _Event.ACCEPTED): (Standing.GONE, ()),
    (Standing.LEAVING, _Event.TOO_BRIEF): (Standing.GONE, ()),
    (Standing.LEAVING, _Event.FAILED): (Standing.GONE, ()),
}
IGNORED = frozenset({
    *((state, _Event.DUE) for state in (Standing.TRYING, Standing.ENDING, Standing.LEAVING, Standing.GONE)),
    *((state, _Event.STOP) for state in (Standing.ENDING, Standing.LEAVING, Standing.GONE)),
    *(
        (state, event)  # what answers a request that is over already
        for state in (Standing.IDLE, Standing.REGISTERED, Standing.WAITING, Standing.GONE)
        for event in (_Event.ACCEPTED, _Event.CHALLENGED, _Event.TOO_BRIEF, _Event.FAILED)
    ),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Binding:
    """What is registered where."""

    registrar: str
    """A domain or an address, with a port or without."""
    user: str
    contact: str
    """The whole URI."""
    expires_s: int
    call_id: str
    tag: str
    host: str
    """Where we are, for Via."""
    port: int
    transport: str = "udp"
    agent: str = ""


@dataclass(slots=True)
class Registration:
    """One of them. `token` is unpredictable text; `chance` is anything from 0 to 1."""

    binding: Binding
    credentials: Credentials | None = field(repr=False)
    state: Standing = Standing.IDLE
    deadline_s: float | None = None
    """When `due` is to be called next."""
    until_s: float = 0.0
    """How long the registrar sends us calls."""
    why: str = ""
    """What went wrong last; empty after a success."""
    failures: int = 0
    """One after the other, since the last success."""
    _asked_s: int = 0
    _cseq: int = 0
    _attempts: int = 0

    def __post_init__(self) -> None:
        self._asked_s = self.binding.expires_s

    def due(self, now_s: float, token: str) -> Request | None:
        """Its time has come; the request to send, if any."""
        self._attempts = 0
        return self._step(_Event.DUE, now_s, token, 0.0, None, None)

    def stop(self, now_s: float, token: str) -> Request | None:
        """Take it back; the request to send, if any, now or after the next response."""
        self._attempts = 0
        return self._step(_Event.STOP, now_s, token, 0.0, None, None)

    def hear(
        self, now_s: float, request: Request, response: Response | None, token: str, chance: float
    ) -> Request | None:
        """What the request came to, None for no answer at all; the next request to send at once, if any."""
        if request.cseq.number != self._cseq or (response is not None and response.status < 200):
            return None
        return self._step(self._event(request, response, token), now_s, token, chance, request, response)

    def is_registered(self, now_s: float) -> bool:
        """Whether the registrar sends calls to us, as far as it has said."""
        return now_s < self.until_s

    def _event(self, request: Request, response: Response | None, token: str) -> _Event:
        if response is None:
            self.why = "nobody answered"
            return _Event.FAILED
        if response.status < 300:
            return _Event.ACCEPTED
        self.why = f"{response.status} {response.reason}".strip()
        if self._attempts < REGISTER_ATTEMPTS_MAX:
            if response.status in (401, 407):
                return _Event.CHALLENGED if self._proof(request, response, token) is not None else _Event.FAILED
            if response.status == 423 and self._asked_s < _min_expires_s(response) <= REGISTRATION_EXPIRES_S_MAX:
                return _Event.TOO_BRIEF
        return _Event.FAILED

    def _proof(self, request: Request, response: Response, token: str) -> tuple[str, str] | None:
        if self.credentials is None:
            self.why += ", and there is no password to answer it with"
            return None
        header = answer_challenge(request, response, self.credentials, token)
        if header is None:
            is_refused = "Authorization" in request.headers or "Proxy-Authorization" in request.headers
            self.why += ": the user name or the password is wrong" if is_refused else ": no challenge is known here"
        return header

    def _step(
        self,
        event: _Event,
        now_s: float,
        token: str,
        chance: float,
        request: Request | None,
        response: Response | None,
    ) -> Request | None:
        key = (self.state, event)
        if key in IGNORED:
            return None
        self.state, actions = TABLE[key]
        made: Request | None = None
        for action in actions:
            if action is _Action.SEND:
                made = self._request(now_s, token)
            elif action is _Action.PROVE:
                assert request is not None
                assert response is not None
                made = self._proved(now_s, token, request, response)
            elif action is _Action.LENGTHEN:
                assert response is not None
                self._asked_s = _min_expires_s(response)
            elif action is _Action.NOTE_ACCEPTED:
                assert response is not None
                self._note_accepted(now_s, chance, response)
            elif action is _Action.NOTE_FAILED:
                self._note_failed(now_s, chance, response)
            else:
                self.until_s, self.deadline_s = 0.0, None
        if self.state in (Standing.TRYING, Standing.ENDING, Standing.LEAVING, Standing.GONE):
            self.deadline_s = None
        return made

    def _request(self, now_s: float, token: str) -> Request:
        """§10.2: the same Call-ID always, a CSeq above the last one."""
        self._attempts += 1
        self._cseq = max(self._cseq + 1, int((now_s - CSEQ_EPOCH_S) * CSEQ_PER_S) & CSEQ_MAX)
        binding = self.binding
        aor = f"<sip:{binding.user}@{binding.registrar}>"
        headers = Headers()
        headers.add("Via", make_via(binding.host, binding.port, f"{BRANCH}{token}-{self._cseq}", binding.transport))
        headers.add("Max-Forwards", "70")
        headers.add("From", f"{aor};tag={binding.tag}")
        headers.add("To", aor)
        headers.add("Call-ID", binding.call_id)
        headers.add("CSeq", f"{self._cseq} REGISTER")
        headers.add("Contact", f"<{binding.contact}>")
        headers.add("Expires", str(0 if self.state is Standing.LEAVING else self._asked_s))
        if binding.agent:
            headers.add("User-Agent", binding.agent)
        return Request("REGISTER", f"sip:{binding.registrar}", headers)

    def _proved(self, now_s: float, token: str, refused: Request, response: Response) -> Request:
        proof = self._proof(refused, response, token)
        assert proof is not None
        made = self._request(now_s, token)
        for name in ("Authorization", "Proxy-Authorization"):
            for value in refused.headers.get_all(name):
                if name != proof[0]:
                    made.headers.add(name, value)
        made.headers.add(*proof)
        return made

    def _note_accepted(self, now_s: float, chance: float, response: Response) -> None:
        granted_s = _granted_s(response, self.binding.contact, self._asked_s)
        if granted_s <= 0:
            self.state, self.why = Standing.WAITING, "the registrar took the request and no address of ours"
            self._note_failed(now_s, chance, None)
            return
        self.why, self.failures = "", 0
        self.until_s = now_s + granted_s
        self.deadline_s = now_s + granted_s * (RENEWED_AT + RENEWED_SPREAD * chance)

    def _note_failed(self, now_s: float, chance: float, response: Response | None) -> None:
        self.failures += 1
        pause_s = min(REGISTER_PAUSE_S_MAX, REGISTER_PAUSE_S_MIN * 2 ** min(self.failures - 1, 16))
        asked_s = _seconds(response.headers.get("Retry-After")) if response is not None else 0
        self.deadline_s = now_s + max(pause_s * (1 + chance) / 2, min(asked_s, REGISTER_PAUSE_S_MAX))


def _min_expires_s(response: Response) -> int:
    return _seconds(response.headers.get("Min-Expires"))


def _granted_s(response: Response, contact: str, asked_s: int) -> int:
    """How long the registrar keeps our address (§10.2.4): what it says of it, of all, or what was asked for."""
    try:
        ours = parse_uri(contact)
        for each in response.contacts:
            try:
                uri = parse_uri(each.uri)
            except PeerError:
                continue
            if (uri.user, uri.host, uri.port) == (ours.user, ours.host, ours.port):
                said = each.params.get("expires")
                if said is not None:
                    return _seconds(said)
    except PeerError:
        pass  # a list that cannot be read says nothing
    said = response.headers.get("Expires")
    return asked_s if said is None else _seconds(said)


def _seconds(text: str | None) -> int:
    """A number of seconds at the front of a header's value; 0 for none."""
    digits = (text or "").strip().partition(" ")[0].partition(";")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0

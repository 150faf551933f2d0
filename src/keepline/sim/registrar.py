"""A registrar in virtual time: RFC 3261 §10.3 and §22, written anew, as another program would have it.

It asks every newcomer for a proof, binds for as long as it likes, and keeps what is wrong with what it is told. It
knows one address-of-record and one password.
"""

from keepline.sim.network import Address, Network
from keepline.sim.world import World
from keepline.sip.digest import answers_in, challenge_headers, proves
from keepline.sip.message import Request, Response, make_response, parse_message


class SimRegistrar:
    """The far end of a trunk that wants to be told where the node is."""

    def __init__(self, world: World, network: Network, address: Address, password: str, binds_s: int) -> None:
        self._world = world
        self._network = network
        self._password = password
        self._binds_s = binds_s
        self.address = address
        self.wrongs: list[str] = []
        self.bindings = 0
        """REGISTERs that were accepted."""
        self.until_s: float | None = None
        """When the binding ends; None where there has been none."""
        self.gaps_s: list[float] = []
        """How long nobody was bound, each time after the first binding."""
        self._nonces: set[str] = set()
        self._answers: dict[str, tuple[bytes, Response]] = {}
        """Branch -> the request, and its answer."""
        self._last: dict[str, int] = {}
        """Call-ID -> the CSeq that was accepted last."""
        self.out_of_order = 0
        """REGISTERs that were refused for their CSeq."""
        network.join(address, lambda data, source: self._receive(data, (source[0], source[1])))

    @property
    def registrants(self) -> int:
        """How many they seem to be that were accepted, by their Call-IDs."""
        return len(self._last)

    def _receive(self, data: bytes, source: Address) -> None:
        request = parse_message(data)
        if not isinstance(request, Request) or request.method != "REGISTER":
            self.wrongs.append(f"it was sent {data[:20]!r}")
            return
        branch = request.top_via.branch or ""
        known = self._answers.get(branch)
        if known is None:
            known = self._answers[branch] = (data, self._answer(request))
        elif known[0] != data:
            self.wrongs.append(f"REGISTER {branch} came in two forms")
        self._network.send(known[1].encode(), self.address, source)

    def _answer(self, request: Request) -> Response:
        answers = [each for each in answers_in(request) if each.nonce in self._nonces]
        if not any(proves(each, request, self._password) for each in answers):
            nonce = f"nonce{len(self._nonces)}"
            self._nonces.add(nonce)
            headers = challenge_headers("registrar", nonce, stale=bool(answers_in(request)))
            return make_response(request, 401, to_tag="registrar", headers=headers)
        cseq = request.cseq.number
        if cseq <= self._last.get(request.call_id, 0):  # §10.3, step 7
            self.out_of_order += 1
            return make_response(request, 500, to_tag="registrar")
        self._last[request.call_id] = cseq
        now_s = self._world.now_s
        if self.until_s is not None and now_s > self.until_s:
            self.gaps_s.append(now_s - self.until_s)
        self.bindings += 1
        self.until_s = now_s + self._binds_s
        contact = (request.headers.get("Contact") or "").partition(";")[0]
        return make_response(
            request, 200, to_tag="registrar", headers=[("Contact", f"{contact};expires={self._binds_s}")]
        )

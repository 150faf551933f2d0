"""The registrations of one node: each trunk that wants to be told where we are is, for as long as this process serves.

A successor registers anew at once, under the same Call-ID; a node that drains takes its registrations back, so that new
calls go elsewhere. What is registered is no fact of a call, and is not on record; what comes of it is evidence of the
carrier, where calls go out by it.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING

from keepline.call import effects as fx
from keepline.call.outbound.located import targets_of
from keepline.call.transactions import RequestNews
from keepline.call.turn import Identity, Program, Turn
from keepline.model.ids import IdSource
from keepline.model.operation import Trunk
from keepline.sip.digest import Credentials
from keepline.sip.message import Request
from keepline.sip.peers import peer_at
from keepline.sip.registration import Binding, Registration, Standing

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

OWNER = "registration "
"""Goes before the trunk's name, where a call's id would stand."""
UNLOCATED = "its proxy could not be located"


class Registrations:
    """The part of the exchange that registers."""

    __slots__ = ("_by_trunk", "_exchange", "_key", "_schedule", "_told", "_trunks")

    def __init__(self, exchange: "Exchange", key: bytes, schedule: Callable[[str, float], None]) -> None:
        """`key` is the node's, and the same in every process; `schedule` asks for `due` of a trunk at a time."""
        self._exchange = exchange
        self._key = key
        self._schedule = schedule
        self._trunks: dict[str, Trunk] = {}
        self._by_trunk: dict[str, Registration] = {}
        self._told: dict[str, tuple[bool, str]] = {}

    def use(self, program: Program, identity: Identity) -> None:
        """Register what this version of the operation wants to have registered."""
        for trunk in program.operation.trunks:
            if trunk.registration is not None and trunk.outbound is not None:
                self._trunks[trunk.name] = trunk
                password = program.passwords.get(trunk.outbound.password) if trunk.outbound.password else None
                credentials = None
                if trunk.outbound.username and password is not None:
                    credentials = Credentials(trunk.outbound.username, password, trunk.outbound.realm)
                self._by_trunk[trunk.name] = Registration(_binding(self._key, trunk, identity), credentials)
                self._schedule(trunk.name, 0.0)

    def due(self, turn: Turn, trunk: str) -> None:
        """A trunk's registration has something to do."""
        registration = self._by_trunk.get(trunk)
        if registration is None or self._exchange.draining:
            return
        deadline_s = registration.deadline_s
        if deadline_s is None and registration.state is not Standing.IDLE:
            return
        if deadline_s is not None and deadline_s > turn.now_s:
            return  # it was put off
        self._send(turn, trunk, registration.due(turn.now_s, _token(self._exchange.ids)))

    def hear(self, turn: Turn, heard: RequestNews) -> None:
        """What a REGISTER came to."""
        trunk = heard.owner.removeprefix(OWNER)
        registration = self._by_trunk.get(trunk)
        if registration is None or not heard.is_final:
            return
        ids = self._exchange.ids
        made = registration.hear(turn.now_s, heard.request, heard.response, _token(ids), ids.number(32) / 2**32)
        self._send(turn, trunk, made, heard.peer)  # a proof is for who asked
        carriers = self._exchange.switchboard.carriers
        if registration.state in (Standing.REGISTERED, Standing.WAITING) and carriers.is_listed(trunk):
            carriers.probed(turn, trunk, registration.why, what="REGISTER")

    def stop(self, turn: Turn) -> None:
        """Take everything back."""
        for trunk, registration in self._by_trunk.items():
            self._send(turn, trunk, registration.stop(turn.now_s, _token(self._exchange.ids)))

    def _send(self, turn: Turn, trunk: str, request: Request | None, peer: fx.Address | None = None) -> None:
        registration = self._by_trunk[trunk]
        if request is not None:
            targets = targets_of(self._trunks[trunk], self._exchange.targets)
            if peer is None and targets:  # after a failure the next one, if there is another
                peer = peer_at(*targets[registration.failures % len(targets)], registration.binding.transport)
            if peer is not None:
                turn.effects += self._exchange.transactions.start_client(turn.now_s, request, peer, OWNER + trunk)
            else:
                registration.hear(turn.now_s, request, None, "", 1.0)
                registration.why = UNLOCATED
        if registration.deadline_s is not None:
            self._schedule(trunk, registration.deadline_s)
        self._tell(turn, trunk, registration)

    def _tell(self, turn: Turn, trunk: str, registration: Registration) -> None:
        """Say what has changed: to the supervisor all of it, to the log what went wrong and that it is well again."""
        if registration.state in (Standing.TRYING, Standing.ENDING, Standing.LEAVING) and registration.why == "":
            return
        is_registered = registration.is_registered(turn.now_s)
        told, now = self._told.get(trunk), (is_registered, registration.why)
        until_s = registration.until_s if is_registered else 0.0
        turn.emit(fx.RegistrationChanged(trunk, is_registered, until_s, registration.why))
        if registration.state is Standing.TRYING or told == now:
            return
        self._told[trunk] = now
        if registration.why:
            detail = f"{trunk}: {registration.why}; tried again after a pause"
            turn.emit(fx.Report("registration_failed", "", detail))
        elif told is not None and is_registered:
            turn.emit(fx.Report("registration_well", "", f"{trunk}: registered"))


def _binding(key: bytes, trunk: Trunk, identity: Identity) -> Binding:
    asked, outbound = trunk.registration, trunk.outbound
    assert asked is not None
    assert outbound is not None
    way = f";transport={outbound.transport}" if outbound.transport != "udp" else ""
    named = blake2b(f"{trunk.name} {asked.registrar} {asked.user}".encode(), key=key[:64], digest_size=16).hexdigest()
    return Binding(
        registrar=asked.registrar,
        user=asked.user,
        contact=f"sip:{asked.contact}@{identity.sip}{way}",
        expires_s=asked.expires_s,
        call_id=named,
        tag=named[:16],
        host=identity.sip.host,
        port=identity.sip.port,
        transport=outbound.transport,
        agent=identity.server,
    )


def _token(ids: IdSource) -> str:
    return ids.token(8).hex()

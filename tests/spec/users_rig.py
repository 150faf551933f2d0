"""An exchange whose trunk has users, and a caller who proves to be one."""

from dataclasses import replace

from keepline.call.exchange import Exchange
from keepline.call.turn import Program
from keepline.model.capability import SecretRef
from keepline.model.operation import Trunk, TrunkUser
from keepline.sip.digest import Credentials, answer_challenge
from keepline.sip.message import Request, Response, parse_message
from tests.spec.exchange_rig import OPERATION, Rig, hold, invite

ALICE, BOB = SecretRef("env", "ALICE"), SecretRef("file", "/etc/bob")
AWAY = ("198.51.100.7", 5060)
"""Where alice calls from; no trunk's peer."""
GOOD = Credentials("alice", "wonderland")
KEY = b"of the node"


def rig_with_users(seed: bytes = b"seed", **sip: object) -> Rig:
    rig = Rig(seed=seed, **sip)
    trunks = (*OPERATION.trunks, Trunk("staff", (), users=(TrunkUser("alice", ALICE), TrunkUser("bob", BOB))))
    operation = replace(rig.program.operation, trunks=trunks)
    rig.exchange = Exchange(rig.exchange.identity, seed, rig.exchange.rtp_ports, KEY)
    rig.program = Program(operation, {"hold": hold}, {ALICE: "wonderland"})
    rig.exchange.add_program(rig.program, current=True)
    return rig


class Caller:
    """A user agent at an address that counts its CSeqs and answers challenges."""

    def __init__(self, rig: Rig, credentials: Credentials = GOOD, source: tuple[str, int] = AWAY) -> None:
        self.rig, self.credentials, self.source = rig, credentials, source
        self.cseq = 0

    def asks(self, data: bytes, source: tuple[str, int] | None = None) -> list[Response]:
        return self.rig.send(data, source or self.source)

    def invite(self, *more: str, call_id: str = "away", user: str = "1000") -> bytes:
        self.cseq += 1
        via = f"SIP/2.0/UDP {self.source[0]}:5060;branch=z9hG4bK-{call_id}-{self.cseq};rport"
        raw = invite(user, Via=via, Call_ID=call_id, CSeq=f"{self.cseq} INVITE")
        head, _, body = raw.partition(b"\r\n\r\n")
        return b"\r\n".join([head, *(line.encode() for line in more)]) + b"\r\n\r\n" + body

    def answer(self, asked: bytes, challenged: Response, nc: int = 1) -> str:
        asking = parse_message(asked)
        assert isinstance(asking, Request)
        header = answer_challenge(asking, challenged, self.credentials, "cnonce", nc)
        assert header is not None
        return ": ".join(header)

    def calls(self, call_id: str = "away") -> Response:
        """An INVITE, its challenge, and what the second one is answered with."""
        first = self.invite(call_id=call_id)
        [challenged] = self.asks(first)
        assert challenged.status == 401
        [answer] = self.asks(self.invite(self.answer(first, challenged), call_id=call_id))
        return answer

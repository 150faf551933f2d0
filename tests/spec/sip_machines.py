"""Short hands for driving a transaction machine through a test."""

from keepline.sip.transaction import (
    Effect,
    InviteClientTransaction,
    InviteServerTransaction,
    NonInviteClientTransaction,
    NonInviteServerTransaction,
    RequestReceived,
    ResponseReceived,
    SendResponse,
    Start,
    TimerFired,
    Timers,
    Transaction,
    Transmit,
)
from tests.spec.sip_messages import PEER, request, response

TIMERS = Timers()


def invite_server(reliable: bool = False, timers: Timers = TIMERS) -> InviteServerTransaction:
    """One that has passed its INVITE at 0 s."""
    machine = InviteServerTransaction(request(), PEER, timers, reliable)
    machine.step(0.0, RequestReceived(machine.request))
    return machine


def non_invite_server(method: str = "BYE", reliable: bool = False) -> NonInviteServerTransaction:
    """One that has passed its request at 0 s."""
    machine = NonInviteServerTransaction(request(method), PEER, TIMERS, reliable)
    machine.step(0.0, RequestReceived(machine.request))
    return machine


def invite_client(reliable: bool = False, timers: Timers = TIMERS) -> InviteClientTransaction:
    """One that has sent its INVITE at 0 s."""
    machine = InviteClientTransaction(request(), PEER, timers, reliable)
    machine.step(0.0, Start())
    return machine


def non_invite_client(method: str = "BYE", reliable: bool = False) -> NonInviteClientTransaction:
    """One that has sent its request at 0 s."""
    machine = NonInviteClientTransaction(request(method), PEER, TIMERS, reliable)
    machine.step(0.0, Start())
    return machine


def send(machine: Transaction, now_s: float, status: int) -> list[Effect]:
    """The transaction user answers."""
    return machine.step(now_s, SendResponse(response(machine.request, status)))


def receive(machine: Transaction, now_s: float, status: int) -> list[Effect]:
    """The other side answers."""
    return machine.step(now_s, ResponseReceived(response(machine.request, status)))


def again(machine: Transaction, now_s: float, method: str | None = None) -> list[Effect]:
    """The request once more, or another one of the same transaction."""
    copy = machine.request if method is None else request(method, CSeq=f"314159 {method}")
    return machine.step(now_s, RequestReceived(copy))


def sent(effects: list[Effect]) -> list[str]:
    """First lines of what was transmitted."""
    return [effect.data.split(b"\r\n")[0].decode() for effect in effects if isinstance(effect, Transmit)]


def firings(machine: Transaction, until_s: float) -> list[tuple[float, list[Effect]]]:
    """Fire every timer as it becomes due, up to and at `until_s`."""
    fired = []
    while (at_s := machine.deadline_s) is not None and at_s <= until_s:
        fired.append((at_s, machine.step(at_s, TimerFired())))
    return fired


def transmissions_s(machine: Transaction, until_s: float = 1000.0) -> list[float]:
    """When something was transmitted by timer."""
    return [at_s for at_s, effects in firings(machine, until_s) if sent(effects)]

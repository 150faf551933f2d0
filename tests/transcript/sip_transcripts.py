"""Transcripts of SIP transactions: what happens to a machine in plain lines, and below each what it does.

A line at the margin is an input, an indented line what followed, `#` a remark:

    0.000 receive INVITE            a request arrives; it finds its transaction or makes one
    0.100 receive INVITE branch=2   the same with another branch; `branch=none` with none, as RFC 2543 has it
    0.100 answer INVITE 180         the user answers the transaction of that request
    0.000 start INVITE              the user sends a request
    0.100 receive 180 INVITE        a response to it arrives
    0.100 fail INVITE gone          the network refuses what its transaction sent
    wait 32                         every timer that is due up to then fires

Each output line names the transaction's side and method; its new state and next deadline close the lines of an input.
"""

from keepline.sip.message import Request, parse_message
from keepline.sip.transaction import (
    Effect,
    Input,
    InviteClientTransaction,
    InviteServerTransaction,
    NonInviteClientTransaction,
    NonInviteServerTransaction,
    PassRequest,
    PassResponse,
    ReportTransportError,
    RequestReceived,
    ResponseReceived,
    SendResponse,
    Start,
    State,
    Terminated,
    TimerFired,
    Timers,
    Transaction,
    Transmit,
    TransportFailed,
    cancel_key,
    client_key,
    server_key,
)
from tests.spec.sip_messages import PEER, request, response

TIMERS = Timers()


class World:
    """One user agent's transactions."""

    def __init__(self) -> None:
        self.servers: dict[object, Transaction] = {}
        self.clients: dict[object, Transaction] = {}
        self.now_s = 0.0

    def run(self, line: str) -> list[str]:
        """Take one input line and tell what follows."""
        first, *words = line.split()
        if first == "wait":
            return self._wait(float(words[0]))
        self.now_s = float(first)
        match words:
            case ["receive", status, method] if status.isdigit():
                return self._receive_response(int(status), method)
            case ["receive", method, *options]:
                branch = options[0].removeprefix("branch=") if options else ""
                return self._receive_request(made(method, branch))
            case ["answer", method, status]:
                machine = newest(self.servers, method)
                return self._step(machine, SendResponse(response(machine.request, int(status))))
            case ["start", method]:
                return self._start(made(method, ""))
            case ["fail", method, *what]:
                machine = newest(self.servers | self.clients, method)
                return self._step(machine, TransportFailed(" ".join(what)))
            case _:
                raise ValueError(f"no such input: {line}")

    def _receive_request(self, message: Request) -> list[str]:
        key = server_key(message)
        machine = self.servers.get(key)
        if machine is None and message.method == "ACK":
            return ["no transaction: ACK goes to the dialog"]
        lines = []
        if machine is None:
            kind = InviteServerTransaction if message.method == "INVITE" else NonInviteServerTransaction
            machine = self.servers[key] = kind(message, PEER, TIMERS)
            if message.method == "CANCEL":
                found = self.servers.get(cancel_key(message))
                lines = [f"cancels: {name(found)}, {found.state.value}" if found else "cancels: nothing"]
        return lines + self._step(machine, RequestReceived(message))

    def _receive_response(self, status: int, method: str) -> list[str]:
        machine = newest(self.clients, method)
        answer = response(machine.request, status)
        assert self.clients.get(client_key(answer)) in (machine, None)
        return self._step(machine, ResponseReceived(answer))

    def _start(self, message: Request) -> list[str]:
        kind = InviteClientTransaction if message.method == "INVITE" else NonInviteClientTransaction
        machine = self.clients[client_key(message)] = kind(message, PEER, TIMERS)
        return self._step(machine, Start())

    def _wait(self, until_s: float) -> list[str]:
        lines = []
        while due := [each for each in self._all() if each.deadline_s is not None and each.deadline_s <= until_s]:
            machine = min(due, key=lambda each: each.deadline_s or 0.0)
            self.now_s = machine.deadline_s or 0.0
            lines += [f"{self.now_s:.3f} {line}" for line in self._step(machine, TimerFired())]
        self.now_s = until_s
        return lines or ["nothing"]

    def _all(self) -> list[Transaction]:
        return [*self.servers.values(), *self.clients.values()]

    def _step(self, machine: Transaction, given: Input) -> list[str]:
        before = machine.state
        lines = [f"{name(machine)}: {told(effect)}" for effect in machine.step(self.now_s, given)]
        deadline = "" if machine.deadline_s is None else f", next timer {machine.deadline_s:.3f}"
        moved = "" if machine.state is before else f"{before.value} -> "
        if machine.state is State.TERMINATED:
            for table in (self.servers, self.clients):
                for key in [key for key, each in table.items() if each is machine]:
                    del table[key]
        return [*lines, f"{name(machine)}: {moved}{machine.state.value}{deadline}"]


def made(method: str, branch: str) -> Request:
    """A request of the one call that transcripts tell of. BYE comes after its INVITE."""
    default = "bye" if method == "BYE" else "invite"
    suffix = "" if branch == "none" else f";branch=z9hG4bK{branch or default}"
    number = 314160 if method == "BYE" else 314159
    tag = ";tag=a6c85cf" if method in ("ACK", "BYE") else ""
    return request(
        method,
        Via=f"SIP/2.0/UDP 192.0.2.1:5060{suffix}",
        To=f"Bob <sip:bob@biloxi.example.com>{tag}",
        CSeq=f"{number} {method}",
    )


def newest(machines: dict[object, Transaction], method: str) -> Transaction:
    return [machine for machine in machines.values() if machine.request.method == method][-1]


def name(machine: Transaction) -> str:
    side = "server" if isinstance(machine, InviteServerTransaction | NonInviteServerTransaction) else "client"
    return f"{machine.request.method} {side}"


def told(effect: Effect) -> str:
    match effect:
        case Transmit(data, peer):
            message = parse_message(data)
            sent = message.method if isinstance(message, Request) else f"{message.status} {message.reason}"
            return f"transmit {sent} ({message.cseq}) to {peer[0]}:{peer[1]}"
        case PassRequest(passed):
            return f"pass {passed.method}"
        case PassResponse(passed):
            return f"pass {passed.status} {passed.reason}"
        case ReportTransportError(what):
            return f"report transport error: {what}"
        case Terminated(reason):
            return f"terminated, {reason.value}"


def replay(text: str) -> str:
    """The transcript as it would be recorded now."""
    world = World()
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            continue
        lines.append(line)
        if line and not line.startswith("#"):
            lines += [f"    {output}" for output in world.run(line)]
    return "\n".join(lines) + "\n"

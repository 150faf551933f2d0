"""Transcripts of calls: what a caller, media and time do in plain lines, and below each what the node does.

A line at the margin is an input, an indented line what followed, `#` a remark. Times are seconds:

    0.000 <- INVITE 1000             the caller sends; `Name=value` replaces a header, `~` stands for a space
    0.100 <- ACK                     within the dialog of the last INVITE that was answered
    0.200 <- INVITE again            the very bytes of the last INVITE
    0.300 <- 200 BYE                 the caller answers our request
    0.400 <- raw Ahoy\\r\\n          bytes as written
    1.000 played 2 ended             media: play 2 is over
    1.000 digits 2 15                media has heard 2 digits; the last of them are 1 and 5
    1.000 seen 2 digit 1 5           media's slot: play 2 was finished by a digit; 1 digit, a 5
    1.000 stopped                    media has closed the slot
    1.000 restarted                  media is a new process
    1.000 drain | hang up all stopping | wake 8
    crash                            the process dies; its successor has the facts that were written
    crash unwritten                  the same, but what the last input led to was not written
    crash without FLOW               the same, and the code of that flow is gone; `FLOW is OTHER`: it is another's now
    wait 32                          every timer that is due up to then fires

Options of a request: `from=HOST:PORT`, `sdp=NAME` (of `BODIES`; an ACK has none unless it is named), `body=TEXT`
(with its Content-Type), `call=N` (another call), `branch=X` (another transaction).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from keepline.call import effects as fx
from keepline.call import facts as fact_types
from keepline.call.exchange import Exchange
from keepline.call.facts import CallEnded, CallReceived, Fact
from keepline.call.terms import Terms
from keepline.call.turn import Program
from keepline.model.errors import PeerError
from keepline.sip.message import Request, Response, make_response, parse_message
from keepline.sip.sdp import parse_sdp
from tests.sim.operation import IDENTITY, RTP_PORTS, program
from tests.spec.sip_messages import SDP, wire

BEGAN_S = 1_700_000_000.0
"""Node time of 0.000."""
BODIES = {
    "": SDP,
    "none": b"",
    "g729": SDP.replace(b"RTP/AVP 0 8 101", b"RTP/AVP 18"),
    "bad": b"no description at all\r\n",
    "hold": SDP + b"a=sendonly\r\n",
    "inactive": SDP + b"a=inactive\r\n",
    "zero": SDP.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 0.0.0.0"),
    "moved": SDP.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 192.0.2.77").replace(b"49170", b"50000"),
    "pcma": SDP.replace(b"RTP/AVP 0 8 101", b"RTP/AVP 8 101"),
    "keyless": SDP.replace(b"RTP/AVP 0 8 101", b"RTP/AVP 0 8"),
}
CLOSE = 0xFFFFFFFF
SHOWN = ("Unsupported", "Allow", "Min-SE", "Accept", "Refer-To", "Allow-Events")
"""Header fields that are told of what is sent, where they are there."""


@dataclass
class Leg:
    """What the caller remembers of one call of its own."""

    name: str
    source: fx.Address = ("192.0.2.1", 5060)
    to: str = "Bob <sip:bob@biloxi.example.com>"
    cseq: int = 1
    last: dict[str, bytes] = field(default_factory=dict)


class Stage:
    """One node, the facts that it has written, and the other side's memory."""

    def __init__(self, operation: Program | None = None) -> None:
        self.program = operation or program()
        self.now_s = BEGAN_S
        self.written: list[Fact] = []
        self.unwritten: list[Fact] = []
        self.sent: list[bytes] = []
        self.processes = 0
        self.legs: dict[str, Leg] = {}
        self.leg = Leg("1")
        self.exchange = self._process()

    def _process(self) -> Exchange:
        self.processes += 1
        exchange = Exchange(IDENTITY, b"process %d" % self.processes, RTP_PORTS)
        exchange.add_program(self.program, current=True)
        return exchange

    # Inputs ---------------------------------------------------------------------------------------------------------

    def run(self, line: str) -> list[str]:
        """Take one input line and tell what follows."""
        words = line.split()
        if words[0] == "crash":
            return self._crash(words[1:])
        if words[0] == "wait":
            return list(self._wait(BEGAN_S + float(words[1])))
        self.now_s = BEGAN_S + float(words[0])
        if words[1] == "<-":
            return self._receive(words[2:], line)
        return self._step(self._other(words[1:]))

    def _other(self, words: list[str]) -> fx.Input:
        call = self._call()
        match words:
            case ["played", number, reason]:
                return fx.PromptPlayed(call, int(number), reason)
            case ["digits", head, *ring]:
                return fx.DigitsHeard(call, int(head), "".join(ring))
            case ["seen", finished, reason, head, *ring]:
                return fx.MediaSeen(call, int(finished), reason.strip("-"), int(head), "".join(ring))
            case ["stopped"]:
                return fx.MediaStopped(call, 100, 90, 1, 0.5)
            case ["restarted"]:
                return fx.MediaRestarted()
            case ["drain"]:
                return fx.Drain()
            case ["hang", "up", "all", why]:
                return fx.HangUpAll(why)
            case ["wake", count]:
                return fx.WakeSome(int(count))
            case ["time"]:
                return fx.TimeCame()
        raise ValueError(f"no such input: {' '.join(words)}")

    def _call(self) -> str:
        """Id of the last call whose INVITE came from the leg in hand."""
        facts = [*self.written, *self.unwritten]
        received = [fact for fact in facts if isinstance(fact, CallReceived)]
        mine = [fact.call for fact in received if fact.sip_call_id == f"{self.leg.name}@192.0.2.1"]
        return mine[-1] if mine else ""

    def _receive(self, words: list[str], line: str) -> list[str]:
        if words[0] == "raw":
            text = line.split("raw ", 1)[1].encode().decode("unicode_escape")
            return self._step(fx.DatagramReceived(text.encode(), self.leg.source))
        options = dict(word.split("=", 1) for word in words if "=" in word)
        plain = [word for word in words if "=" not in word]
        self.leg = self.legs.setdefault(options.pop("call", "1"), Leg(options.get("call", "1")))
        self.leg.name = next(name for name, leg in self.legs.items() if leg is self.leg)
        if "from" in options:
            host, port = options.pop("from").rsplit(":", 1)
            self.leg.source = (host, int(port))
        if plain[-1] == "again":
            data = self.leg.last[plain[0]]
        elif plain[0].isdigit():
            data = self._answer(int(plain[0]), plain[1])
        else:
            data = self._request(plain[0], plain[1] if len(plain) > 1 else "1000", options)
            self.leg.last[plain[0]] = data
        return self._step(fx.DatagramReceived(data, self.leg.source))

    def _request(self, method: str, number: str, options: dict[str, str]) -> bytes:
        leg = self.leg
        if method not in ("ACK", "CANCEL") and leg.last:
            leg.cseq += 1
        branch = options.pop("branch", f"{leg.name}{'invite' if method == 'CANCEL' else method.lower()}{leg.cseq}")
        body = BODIES[options.pop("sdp", "" if method == "INVITE" else "none")]
        typed = options.pop("body", "").replace("~", " ").encode().decode("unicode_escape").encode()
        headers = {
            "Via": f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch}",
            "Call-ID": f"{leg.name}@192.0.2.1",
            "CSeq": f"{leg.cseq} {method}",
            "To": "Bob <sip:bob@biloxi.example.com>" if method in ("CANCEL", "OPTIONS") else leg.to,
        }
        if body:
            headers["Content-Type"] = "application/sdp"
        body = body or typed
        headers |= {name: value.replace("~", " ") for name, value in options.items()}
        return wire(method, uri=f"sip:{number}@203.0.113.5", body=body, **headers)

    def _answer(self, status: int, method: str) -> bytes:
        for data in reversed(self.sent):
            message = parse_message(data)
            if isinstance(message, Request) and message.method == method:
                return make_response(message, status).encode()
        raise ValueError(f"no {method} was sent")

    def _wait(self, until_s: float) -> Iterator[str]:
        quiet = True
        while (deadline_s := self.exchange.deadline_s) is not None and deadline_s <= until_s:
            self.now_s = max(self.now_s, deadline_s)
            happened = self._step(fx.TimeCame())
            if happened != ["nothing"]:
                quiet = False
                yield f"at {self.now_s - BEGAN_S:.3f}"
                yield from (f"    {each}" for each in happened)
        self.now_s = until_s
        if quiet:
            yield "nothing"

    def _crash(self, words: list[str]) -> list[str]:
        flows = dict(self.program.functions)
        match words:
            case ["unwritten"]:
                self.unwritten = []
            case ["without", gone]:
                del flows[gone]
            case [name, "is", other]:
                flows[name] = flows[other]
        self.program = Program(self.program.operation, flows)
        self.written += self.unwritten
        self.unwritten = []
        self.exchange = self._process()
        calls: dict[str, list[Fact]] = {}
        lines = []
        for fact in self.written:
            calls.setdefault(fact.call, []).append(fact)
        for call, facts in calls.items():
            last = facts[-1]
            left = isinstance(last, CallEnded)
            given = fx.CallLeft(last) if isinstance(last, CallEnded) else fx.CallAdopted(call, tuple(facts))
            lines += [f"{'left' if left else 'adopted'}: call of {len(facts)} facts"]
            lines += self._told(self.exchange.step(self.now_s, given))
        return lines or ["no calls"]

    # Outputs --------------------------------------------------------------------------------------------------------

    def _step(self, given: fx.Input) -> list[str]:
        self.written += self.unwritten
        self.unwritten = []
        lines = list(self._told(self.exchange.step(self.now_s, given)))
        return lines or ["nothing"]

    def _told(self, effects: list[fx.Effect]) -> Iterator[str]:
        for effect in effects:
            if isinstance(effect, fx.Persist):
                self.unwritten.append(effect.fact)
                yield f"fact: {told_fact(effect.fact)}"
            elif isinstance(effect, fx.SendSip):
                yield self._told_sip(effect)
            else:
                yield told_effect(effect)

    def _told_sip(self, effect: fx.SendSip) -> str:
        try:
            message = parse_message(effect.data)
        except PeerError:  # an answer to what could not be read need not be readable
            first_line = effect.data.split(b"\r\n")[0].decode()
            return f"-> {first_line} to {effect.peer[0]}:{effect.peer[1]}"
        if isinstance(message, Response):
            what = f"{message.status} {message.reason} ({message.cseq})"
            if message.to.tag and message.cseq.method == "INVITE":
                self.leg.to = str(message.headers.get("To"))
        else:
            what = f"{message.method} {message.uri} ({message.cseq})"
        is_200 = isinstance(message, Response) and message.status == 200
        names = (
            ("Session-Expires",) if is_200 else ("Unsupported", "Allow", "Min-SE", "Accept", "Refer-To", "Allow-Events")
        )
        shown = [
            f"{name}: {message.headers.get(name)}" for name in names if name in message.headers and name != "Route"
        ]
        shown += [f"Route: {route}" for route in message.headers.get_all("Route")]
        shown += told_description(message.body)
        again = ", the same again" if effect.data in self.sent else ""
        self.sent.append(effect.data)
        return "; ".join([f"-> {what} to {effect.peer[0]}:{effect.peer[1]}{again}", *shown])


def told_description(body: bytes) -> list[str]:
    """Of a session description of ours, what is out of the ordinary."""
    if not body:
        return []
    session = parse_sdp(body)
    version, audio = session.origin.split()[2], session.media[0]
    if version == "1" and audio.direction == "sendrecv":
        return []
    return [f"session {version}: {' '.join(audio.formats)} {audio.direction}"]


def told_terms(terms: Terms | None) -> str:
    if terms is None:
        return "no terms"
    way = "" if terms.direction == "sendrecv" else f" {terms.direction}"
    return (
        f"{terms.codec}/{terms.payload_type} dtmf={terms.dtmf_payload_type} "
        f"rtp={terms.remote_host}:{terms.remote_port}{way}"
    )


FIELDS: dict[type[Fact], Callable[..., str]] = {
    fact_types.CallReceived: lambda f: (
        f"{f.to_number} flow={f.flow or 'none'} carrier={f.carrier or 'none'} slot={f.slot}"
    ),
    fact_types.CallAnswered: lambda f: (
        f"{f.codec}/{f.payload_type} dtmf={f.dtmf_payload_type} rtp={f.remote_host}:{f.remote_port}"
        if f.remote_host
        else "with an offer"
    ),
    fact_types.CallAcknowledged: lambda f: told_terms(f.terms) if f.terms else "",
    fact_types.ReinviteAnswered: lambda f: (
        f"{f.cseq} version={f.version} {told_terms(f.terms) if f.terms else 'with an offer'}"
    ),
    fact_types.ReinviteAcknowledged: lambda f: told_terms(f.terms) if f.terms else "",
    fact_types.DigitSignalled: lambda f: f"{f.digit!r} cseq={f.cseq}",
    fact_types.DigitsPressed: lambda f: f"{f.digits!r} head={f.head}",
    fact_types.PromptEnded: lambda f: f"{f.number} {f.reason}",
    fact_types.QuestionContinued: lambda f: (
        f"{f.step} {f.part} attempt={f.attempt} {f.why or '-'} {f.entry!r} used={f.digits_used}"
    ),
    fact_types.TransferAsked: lambda f: f"{f.step} {f.target} cseq={f.cseq}",
    fact_types.TransferProgressed: lambda f: f"{f.step} {f.by} {f.status}{' final' if f.is_final else ''}",
    fact_types.StepEnded: lambda f: (
        f"{f.step} {f.verb} {f.outcome} {f.value!r} used={f.digits_used}"
        + (f" {f.reason} after {f.attempts}" if f.reason not in ("", "answered") or f.attempts > 1 else "")
    ),
    fact_types.FlowFailed: lambda f: f"{f.flow} {f.ending} {f.language} {''.join(f.error.splitlines()[-1:])}",
    fact_types.FlowEnded: lambda f: f"{f.ending} {''.join(f.error.splitlines()[-1:])}",
    fact_types.ByeReceived: lambda f: f"cseq={f.cseq}",
    fact_types.ByeSent: lambda f: f"because {f.why}",
    fact_types.CallEnded: lambda f: f"by={f.ended_by} status={f.sip_status} {f.reason} sent={f.packets_sent}",
}


def told_fact(fact: Fact) -> str:
    kind = fact.kind.removesuffix(".1")
    told = FIELDS.get(type(fact))
    return f"{kind} {told(fact)}".rstrip() if told else kind


def told_effect(effect: fx.Effect) -> str:
    match effect:
        case fx.OpenMedia():
            return f"media: open slot {effect.slot} to {effect.remote_host}:{effect.remote_port}"
        case fx.RedirectMedia():
            where = f"{effect.remote_host}:{effect.remote_port}"
            return f"media: redirect {effect.number} to {where}/{effect.payload_type} {effect.way.direction}"
        case fx.PlayPrompt():
            flags = [name for name in ("repeat", "barge_in") if getattr(effect, name)]
            flags += [f"digits_seen={effect.digits_seen}"] if effect.barge_in else []
            return f"media: play {effect.number} {effect.prompt.text!r} {' '.join(flags)}".rstrip()
        case fx.CloseMedia():
            assert effect.number == CLOSE
            return f"media: close slot {effect.slot}{' at once' if effect.at_once else ''}"
        case fx.InspectMedia():
            return "media: inspect"
        case fx.StopPrompt():
            return f"media: stop {effect.number}"
        case fx.IgnoreTones():
            return "media: no tone is a key"
        case fx.RecordMedia():
            return f"media: record {effect.number}"
        case fx.StopRecording():
            return f"media: stop recording {effect.number}"
        case fx.WorkCounted():
            return f"work: {' '.join(f'{name}={count}' for name, count in effect.counts)}"
        case fx.Report():
            return f"report: {effect.event}: {''.join(effect.detail.splitlines()[-1:])}"
    raise ValueError(f"no words for {effect}")


def replay(text: str) -> str:
    """The transcript as it would be recorded now."""
    stage = Stage()
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            continue
        lines.append(line)
        if line and not line.startswith("#"):
            lines += [f"    {output}" for output in stage.run(line)]
    return "\n".join(lines) + "\n"

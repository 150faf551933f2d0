"""Facts of calls, as the tests of the board need them."""

from keepline.call.facts import CallAnswered, CallEnded, CallPlaced, CallProgressed, CallReceived, CallRefused


def received(call: str, at_s: float = 1_000.0, carrier: str = "north", flow: str = "order") -> CallReceived:
    return CallReceived(
        call, at_s, carrier, "192.0.2.1", 5060, "", "id", "t", 1, "l", "1000", "+1", flow, "d", at_s, 0, 40_000, 1, 2, 3
    )


def placed(call: str, at_s: float = 1_000.0, carrier: str = "north", flow: str = "remind") -> CallPlaced:
    return CallPlaced(
        call, at_s, carrier, "192.0.2.9", 5060, "udp", "", "id", 1, "l", "+1", "+2", flow, "d", 0, 40_000, 1, 2, 3,
        60.0,
    )  # fmt: skip


def answered(call: str, at_s: float = 1_001.0) -> CallAnswered:
    return CallAnswered(call, at_s, "", "PCMU", 0, 101, "192.0.2.1", 4000)


def progressed(call: str, at_s: float, status: int = 180) -> CallProgressed:
    return CallProgressed(call, at_s, status, "", "k")


def refused_by(call: str, at_s: float, status: int) -> CallRefused:
    return CallRefused(call, at_s, status, "no", f"SIP/2.0 {status} No\r\nContent-Length: 0\r\n\r\n")


def ended(call: str, at_s: float = 1_010.0, status: int = 200, mos: float | None = None) -> CallEnded:
    return CallEnded(call, at_s, "caller", status, "Busy" if status >= 300 else "", "id", "l", "t", 1, 2, mos=mos)

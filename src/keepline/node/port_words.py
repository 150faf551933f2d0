"""Ports in words: neighbours as a range, and no more of them than a person reads."""

from collections.abc import Sequence

STEP = 2
"""RTP ports are even; the odd ones between belong to them."""
RANGES_TOLD_MAX = 4


def port_words(ports: Sequence[int]) -> str:
    """`20000, 20004-20010 and 12 more`, of even ports in their order."""
    ranges: list[list[int]] = []
    for port in ports:
        if ranges and port == ranges[-1][1] + STEP:
            ranges[-1][1] = port
        else:
            ranges.append([port, port])
    told = [str(first) if first == last else f"{first}-{last}" for first, last in ranges[:RANGES_TOLD_MAX]]
    rest = sum((last - first) // STEP + 1 for first, last in ranges[RANGES_TOLD_MAX:])
    return ", ".join(told) + (f" and {rest} more" if rest else "")

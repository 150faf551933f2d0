"""A bad network on loopback: a relay of UDP packets that loses, doubles, delays and reorders them, by a seed.

A caller sends to `front`; the node is sent to from `back`, and what it sends there goes to the caller. So the caller's
Contact names `back`, and its Via asks for rport (RFC 3581). Only `INVITE`s that begin a call are looked into, for which
of them came through; and all, once calls are over. It refuses to change a packet, and to be fair: each is judged on its
own.
"""

import heapq
import random
import re
import selectors
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import Self

_CALL_ID = re.compile(rb"\n(?:call-id|i)[ \t]*:[ \t]*(\S+)", re.I)
_TO_TAG = re.compile(rb"\n(?:to|t)[ \t]*:[^\r\n]*;tag=", re.I)
BUFFER_BYTES = 4 << 20
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Weather:
    """What becomes of a packet, each way; shares are of 1."""

    loss: float = 0.1
    duplication: float = 0.05
    delay_s: float = 0.005
    """Of every packet."""
    jitter_s: float = 0.01
    """At most so much more, evenly."""
    reordering: float = 0.05
    """Share of packets that are late by `late_s` beside, and so overtaken."""
    late_s: float = 0.08


CLEAR = Weather(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def parse_address(text: str) -> Address:
    """`host:port`, IPv6 in brackets."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def words_of(address: Address) -> str:
    """The other way round."""
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


class LossyRelay:
    """One caller's way to one node; a context manager. The caller is whoever sent to `front` last."""

    def __init__(self, node: str, weather: Weather = Weather(), seed: int = 1, host: str = "") -> None:
        """`node` is `host:port`; `host` is where the node sees the caller, "" for this machine's usual loopback."""
        self.node = parse_address(node)
        self.weather = weather
        self.counts: Counter[str] = Counter()
        """`to_node` and `to_caller`, each with `.arrived`, `.lost`, `.doubled`, `.late` and `.sent`; `to_node.over`."""
        self.sent_calls: set[str] = set()
        """Call-IDs of the INVITEs that began a call and arrived here."""
        self.passed_calls: set[str] = set()
        """Those of which one at least was sent on."""
        self._random = {"to_node": random.Random(f"{seed} to_node"), "to_caller": random.Random(f"{seed} to_caller")}
        family = socket.AF_INET6 if ":" in self.node[0] else socket.AF_INET
        here = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self._front, self._back = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        for each, address in ((self._front, here), (self._back, host or here)):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            each.bind((address, 0))
            each.setblocking(False)
        self.front, self.back = (words_of(each.getsockname()[:2]) for each in (self._front, self._back))
        self._over: frozenset[str] = frozenset()
        self._caller: Address | None = None
        self._waiting: list[tuple[float, int, str, bytes]] = []
        self._numbers = count()
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="lossy-relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()
        self._thread.join()
        for each in (self._front, self._back, self._stopped):
            each.close()

    def part(self) -> None:
        """The calls begun so far are over: what still comes of them is not sent on to whoever is the node from now on.

        A CANCEL whose answers were lost, for one, comes again for 32 s (RFC 3261 §17.1.2.2), to whoever has the port.
        """
        self._over = frozenset(self.sent_calls)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in (self._front, self._back, self._stopped):
                selector.register(each, selectors.EVENT_READ)
            while True:
                wait_s = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
                for key, _ in selector.select(wait_s):
                    if key.fileobj is self._stopped:
                        return
                    self._take("to_node" if key.fileobj is self._front else "to_caller")
                self._let_go()

    def _take(self, way: str) -> None:
        sock = self._front if way == "to_node" else self._back
        while True:
            try:
                data, source = sock.recvfrom(65_535)
            except BlockingIOError:
                return
            except OSError:  # told by ICMP that nobody listened to an earlier packet
                continue
            if way == "to_node":
                self._caller = source
            self._judge(way, data)

    def _judge(self, way: str, data: bytes) -> None:
        weather, dice, now_s = self.weather, self._random[way], time.monotonic()
        self.counts[f"{way}.arrived"] += 1
        if way == "to_node" and self._over and call_of(data) in self._over:
            self.counts["to_node.over"] += 1
            return
        call_id = begun_by(data) if way == "to_node" else ""
        if call_id:
            self.sent_calls.add(call_id)
        if dice.random() < weather.loss:
            self.counts[f"{way}.lost"] += 1
            return
        copies = 1 + (dice.random() < weather.duplication)
        self.counts[f"{way}.doubled"] += copies - 1
        for _ in range(copies):
            due_s = now_s + weather.delay_s + dice.random() * weather.jitter_s
            if dice.random() < weather.reordering:
                self.counts[f"{way}.late"] += 1
                due_s += weather.late_s
            heapq.heappush(self._waiting, (due_s, next(self._numbers), way, data))
        if call_id:
            self.passed_calls.add(call_id)

    def _let_go(self) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, way, data = heapq.heappop(waiting)
            try:
                if way == "to_node":
                    self._back.sendto(data, self.node)
                elif self._caller is not None:
                    self._front.sendto(data, self._caller)
            except OSError:
                self.counts[f"{way}.failed"] += 1
            else:
                self.counts[f"{way}.sent"] += 1


def call_of(data: bytes) -> str:
    """The Call-ID of a message; "" where it has none."""
    found = _CALL_ID.search(data.partition(b"\r\n\r\n")[0])
    return "" if found is None else found[1].decode("latin-1")


def begun_by(data: bytes) -> str:
    """The Call-ID of an INVITE that begins a call; "" for anything else."""
    if not data.startswith(b"INVITE ") or _TO_TAG.search(data.partition(b"\r\n\r\n")[0]):
        return ""
    return call_of(data)

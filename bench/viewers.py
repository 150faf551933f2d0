"""What people cost who look: 50 of them, each logged in, hold the board open while 50 calls are heard.

Calls that come and go, so that the board is another one at every look, once with nobody at the desk and once with all;
and calls that only last. Each viewer is a page of its own, with the session of an account of
its own, that follows what a browser would: `/live/now`. Events are incidents that somebody declares and closes, so that
each has words by which every viewer's page is known to show it.
"""

import asyncio
import http.client
import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median
from typing import Any
from urllib.parse import urlencode

from bench.machine import Meter, a_node, flat_pids
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode
from keepline.desk.people.people import People
from keepline.desk.people.records import How, Principal
from keepline.model.people import GRANTS, Role
from keepline.node.api_token import read_token

VIEWERS, CALLS = 50, 50
SECONDS = 30.0
"""Of each run."""
CALL_S = 6.0
"""That comes and goes: a key after three seconds, then the second prompt of three."""
RAMP_PER_S = 10.0
EVENTS = 6
EVENT_EVERY_S = 4.0
SEEN_WITHIN_S = 3.0
PASSWORD = "correct horse battery"
SHELL = Principal("bench", How.MACHINE, GRANTS[Role.ADMIN])
BUFFER_BYTES = 1 << 20


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """On one node: nobody looks, and everybody does."""
    with a_node(2 * CALLS + 20) as node:
        options = prompt_options(node.prompts())
        pids = flat_pids(node.glance()["processes"])  # once there are accounts, nobody is told without one
        cookies = _sessions(node)
        _run(node, pids, options, [], 6.0, lasts=True)  # everything is imported, every prompt read
        found: dict[str, Any] = {"people": VIEWERS, "calls": CALLS, "seconds": SECONDS}
        runs: list[tuple[str, list[str], bool]] = [
            ("nobody", [], False), ("all", cookies, False), ("lasting", cookies, True),
        ]  # fmt: skip
        for name, of, lasts in runs:
            found[name] = _run(node, pids, options, of, SECONDS, lasts=lasts)
            say(f"  {name}: {words(found[name])}")
    return found


def _sessions(node: LocalNode) -> list[str]:
    """An account for each, which logs in; the cookies."""
    people = People(node.settings.data)
    try:
        for number in range(VIEWERS):
            people.changes.add(SHELL, f"viewer-{number}", Role.VIEWER, PASSWORD)
    finally:
        people.close()
    return [_log_in(node.http, f"viewer-{number}") for number in range(VIEWERS)]


def _log_in(address: str, name: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=30)
    told = urlencode({"name": name, "password": PASSWORD, "code": "", "next": "/"})
    connection.request("POST", "/login", told, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
    connection.close()
    assert answer.status == 303, f"{name} cannot log in: {answer.status}"
    return cookie


def _run(
    node: LocalNode, pids: dict[str, int], prompts: list[str], cookies: list[str], seconds: float, *, lasts: bool
) -> dict[str, Any]:
    """So many calls are on the phone; what the desk and their audio come to meanwhile."""
    ramp_s = CALLS / RAMP_PER_S
    options = ["--rate", str(RAMP_PER_S), "--calls", str(CALLS), "--hang-up-after", str(ramp_s + seconds), "--rtp",
               "light", "--expect", "music+", "--drain", str(ramp_s + seconds + 20), *prompts]  # fmt: skip
    if not lasts:
        ramp_s = CALL_S
        options = ["--rate", str(CALLS / CALL_S), "--seconds", str(ramp_s + seconds), "--digits", "4@3", "--expect",
                   "welcome*,goodbye", "--rtp", "silence", "--drain", "20", *prompts]  # fmt: skip
    with _Lookers(node.http, cookies) as lookers, Crowd(node.uri("3000" if lasts else "1000"), options) as crowd:
        time.sleep(ramp_s + 1.0)
        meter, began_s = Meter(pids), time.monotonic()
        if seconds >= SECONDS:
            _declare(node, lookers, began_s)
        time.sleep(max(0.0, began_s + seconds - 4.0 - time.monotonic()))
        cpu, following, bytes_ = meter.cpu(), *lookers.counted()
        summary = crowd.wait(seconds + 60)
    seen = [ms for each in lookers.seen.values() for ms in each]
    names = ("started", "good", "faults", "packets", "lost", "late", "gap_ms", "own")
    return {name: summary.get(name) for name in names} | {
        "desk_share": cpu.get("desk", 0.0), "cpu": cpu, "following": following, "kb_per_viewer_s": 0.0
        if not cookies else round(bytes_ / len(cookies) / max(1.0, seconds) / 1000, 1),
        "events": len(lookers.seen), "seen": len(seen), "missed": len(lookers.seen) * len(cookies) - len(seen),
        "seen_ms": {"median": round(median(seen)), "max": round(max(seen))} if seen else None,
    }  # fmt: skip


def _declare(node: LocalNode, lookers: "_Lookers", began_s: float) -> None:
    """Somebody says that there is something, again and again, and that it is over."""
    token = read_token(node.settings.data)
    for number in range(EVENTS):
        time.sleep(max(0.0, began_s + 1.0 + number * EVENT_EVERY_S - time.monotonic()))
        cause = f"probe {number} of {int(began_s)}"
        lookers.expect(cause)
        told = _post(node.http, token, "/api/incidents", {"kind": "carrier", "cause": cause, "severity": 3})
        lookers.collect(SEEN_WITHIN_S)
        ended = {"why": "a probe", "override": True}
        _post(node.http, token, f"/api/incidents/{told['incident']}/close", ended)


def _post(address: str, token: str, path: str, told: dict[str, object]) -> dict[str, Any]:
    connection = http.client.HTTPConnection(address, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    connection.request("POST", path, json.dumps(told), headers)
    answer = connection.getresponse()
    found: dict[str, Any] = json.loads(answer.read())
    connection.close()
    assert answer.status < 300, found
    return found


class _Lookers:
    """All viewers in a process of their own, so that nothing of theirs is counted as the desk's."""

    def __init__(self, address: str, cookies: list[str]) -> None:
        self._cookies, self._address = cookies, address
        self.seen: dict[str, list[float]] = {}
        """By the words of an event: after how many ms each viewer had them."""
        self._began_s = 0.0

    def __enter__(self) -> "_Lookers":
        self._ours, theirs = multiprocessing.Pipe()
        fork = multiprocessing.get_context("fork")
        self._process = fork.Process(target=_look, args=(self._address, self._cookies, theirs), daemon=True)
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join(10)

    def expect(self, words: str) -> None:
        """From now on."""
        self._ours.send(words)
        self.seen[words] = []
        self._began_s = time.monotonic()  # one clock for all processes of a machine

    def collect(self, within_s: float) -> None:
        """What viewers saw since then."""
        words = next(reversed(self.seen))
        limit_s = self._began_s + within_s
        while len(self.seen[words]) < len(self._cookies) and self._ours.poll(max(0.0, limit_s - time.monotonic())):
            kind, at_s = self._ours.recv()
            if kind == words:
                self.seen[words].append(1000 * (at_s - self._began_s))

    def counted(self) -> tuple[int, int]:
        """How many follow, and the bytes that they have had; later answers about events are left."""
        if not self._cookies:
            return 0, 0
        self._ours.send(None)
        while True:
            kind, told = self._ours.recv()
            if kind is None:
                return told[0], told[1]


def _look(address: str, cookies: list[str], link: Connection) -> None:
    asyncio.run(_Look(address, link).all(cookies))


class _Look:
    """In that process."""

    def __init__(self, address: str, link: Connection) -> None:
        self.address, self.link = address, link
        self.wanted, self.missing = "", set[int]()
        self.bytes, self.following = 0, 0
        self.count = 0

    async def all(self, cookies: list[str]) -> None:
        self.count = len(cookies)
        asyncio.get_running_loop().add_reader(self.link.fileno(), self._told)
        await asyncio.gather(*(self._one(number, cookie) for number, cookie in enumerate(cookies)))
        await asyncio.Event().wait()

    def _told(self) -> None:
        words = self.link.recv()
        if words is None:
            self.link.send((None, (self.following, self.bytes)))
            return
        self.wanted, self.missing = words, set(range(self.count))

    async def _one(self, number: int, cookie: str) -> None:
        host, _, port = self.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=BUFFER_BYTES)
        asked = (
            f"GET /live/now HTTP/1.1\r\nHost: {self.address}\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n"
        )
        writer.write(asked.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        self.following += 1
        left = b""
        while piece := await reader.read(65536):
            self.bytes += len(piece)
            if number in self.missing and self.wanted.encode() in left + piece:
                self.missing.discard(number)
                self.link.send((self.wanted, time.monotonic()))
            left = piece[-200:]
        self.following -= 1


def words(found: dict[str, Any]) -> str:
    """How it went, for a person."""
    gaps = found["gap_ms"]
    text = f"desk {found['desk_share']:.1%} of a core; gap p99.9 {gaps['p99.9']} ms, max {gaps['max']} ms"
    text += f", {found['late']} late and {found['lost']} lost of {found['packets']} packets"
    text += f", {found['good']} of {found['started']} calls good"
    if found["following"]:
        seen = found["seen_ms"] or {"median": "-", "max": "-"}
        text += (
            f"; {found['following']} follow, {found['kb_per_viewer_s']} kB/s each; {found['events']} events on every "
            f"screen after {seen['median']} ms (median), {seen['max']} ms (the last), {found['missed']} not seen"
        )
    return text


def rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """As lines of the table."""
    calls, people = f"{found['calls']} calls with audio", f"{found['people']} viewers, each logged in"
    return [
        (f"{calls} that come and go, nobody looks", words(found["nobody"])),
        (f"{calls} that come and go, {people}", words(found["all"])),
        (f"{calls} that last, {people}", words(found["lasting"])),
    ]

"""One operation of the outage's story: its node, its back office, its carriers and the people who call it.

Two of them are played side by side with the same seed: one that has two carriers, and one that has only the one that
fails. The people are the same; what becomes of them differs.
"""

import contextlib
import json
import os
import queue
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepline.demo_carrier import CarrierProgram, bring_onward
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, NodeFailedError, NodeSettings, free_port, wait_until
from keepline.demo_outage_tally import Accounts, Moments, Tally, score
from keepline.demo_retailer import (
    BOOKED_AHEAD,
    CARRIERS,
    NUMBER,
    PEOPLE_ANSWER,
    RECORDS_WITHIN_S,
    SECOND_NUMBER,
    TEST_NUMBERS,
    BackOffice,
    all_ended,
    compared,
    incident_overrides,
    number_overrides,
    office_overrides,
    retailer_path,
)
from keepline.node.control import Message, NodeNotRunning, ask
from keepline.node.path_commands import TELL
from keepline.node.scheduling import run_early
from keepline.paths.own_parts import DISK

MIX = (
    "order_status:30,impatient:8,miskeys:6,book:3,cancel_appointment:3,pay:12,pay_declined:3,pay_changes_mind:3,"
    "pay_hangs_up:2,lead:5,wants_a_person:15,changes_mind:3,hangs_up_early:5,gives_up:2"
)
"""Who calls: fewer of those who fight over delivery windows for minutes, and more who want a person."""
SLOTS = 400
DIALS_SECOND_FIRST = 0.3
TRIES = 4
PATIENCE_S = 4.0
DRAIN_S = 80.0
LOOK_EVERY_S = 0.25
ASKED_WITHIN_S = 2.0
UNFIT = ("down", "degraded")


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many call."""

    per_s: float
    rush: float
    seed: int


class Side:
    """From `begin` to `conclude`; everything it starts ends with `stack`."""

    def __init__(
        self,
        title: str,
        carriers: Sequence[str],
        directory: Path,
        stack: contextlib.ExitStack,
        watched: str = "",
        *,
        moves: bool = False,
        more: Sequence[str] = (),
    ) -> None:
        """`carriers` are trunks of the retailer's file: most people dial the first one's number first. `watched` is a
        path or a part. `moves`: the node may have that number pointed to the second carrier, tells the public, and
        gives what has failed its calls back within seconds. `more`: of `keepline up`.
        """
        self._more = more
        self._portal = free_port() if moves else 0
        self.title, self.directory, self._stack = title, directory, stack
        directory.mkdir()
        self.tally = Tally()
        self.carriers = [
            CarrierProgram(name, f"{host}:0", (PEOPLE_ANSWER,), f"{host}:0", log=directory / f"{name}.jsonl")
            for name in carriers
            for host in (CARRIERS[name],)
        ]
        self.public = ""
        """Where the page for the public is, host and port."""
        self.kills = 0
        self.watched = watched or f"telephony/{carriers[0]}"
        self.condition = self.evidence = "unknown"
        """Of the path that will fail, as the node sees it, and why."""
        self._epoch: int | None = None
        self.changes: list[tuple[float, str]] = []
        """When that changed, by the wall clock."""
        self.found: list[str] = []
        """How it was unfit, and why, each time."""
        self._office = BackOffice(directory, "--quiet")
        self._crowd: Crowd | None = None
        self._are_gone = False
        """The people who call: of two sides one is over before the other."""
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.node: LocalNode

    def begin(self) -> None:
        """Start all of it but the people who call."""
        stack, operation = self._stack, retailer_path() / "keepline.yaml"
        stack.callback(self._office.end)
        self._office.start()
        extra = office_overrides(operation, self._office.address)
        for carrier in self.carriers:
            stack.callback(carrier.end)
            carrier.start()
            put_first(carrier.pid)
            extra += ["--set", f"trunks.{carrier.name}.outbound.proxy={carrier.address}"]
        if len(self.carriers) == 1:
            extra += ["--set", f"outbound.carriers={{{self.carriers[0].name}: {{}}}}", "--set", "preflight={}"]
        if self._portal:
            extra += number_overrides(self._portal)
        node_settings = NodeSettings(operation, self.directory / "data", SLOTS, extra=extra)
        self.node = LocalNode(node_settings)
        if self._portal:
            self.public = f"127.0.0.1:{self.node.spare_ports[0]}"
            extra += incident_overrides(self.public)
        extra += self._more
        stack.enter_context(self.node)
        for carrier in self.carriers:
            carrier.say(f"customer {self.node.sip}")
        bring_onward(self.carriers, TEST_NUMBERS)
        stack.callback(self._end_watching)
        self._watcher.start()

    def open(self, traffic: Traffic, mix: str = MIX, surge: tuple[float, float] = (1.0, 1.0)) -> None:
        """The people begin to call; `surge` is what SIGUSR2 does to them: how many times as many, for how long."""
        prompts = self.directory / "prompts.json"
        found = {name: str(path) for name, path in self.node.prompts().items()}
        prompts.write_text(json.dumps(found), encoding="utf-8")
        options = [
            "--events", "--rate", str(traffic.per_s), "--rush", str(traffic.rush), "--seed", str(traffic.seed),
            "--tries", str(TRIES), "--patience", str(PATIENCE_S), "--also-first", str(DIALS_SECOND_FIRST),
            "--backoffice", self._office.address, "--book-ahead", str(BOOKED_AHEAD), "--prompts", str(prompts),
            "--drain", str(DRAIN_S), "--mix", mix, "--surge", f"{surge[0]:g},{surge[1]:g}",
        ]  # fmt: skip
        if self._portal:
            options += ["--portal", f"127.0.0.1:{self._portal}"]
            options += [word for each in self.carriers for word in ("--place", f"{each.name}={each.edge}")]
        for carrier in self.carriers[1:]:
            options += ["--also", f"sip:{SECOND_NUMBER}@{carrier.edge}"]
        program = (str(retailer_path() / "world"), "crowd")
        target = f"sip:{NUMBER}@{self.carriers[0].edge}"
        # In a session of its own, and before ordinary processes, as the node's calls are: where the kernel shares a
        # processor out by session all of the world would have one share, and a late caller looks like a late node.
        self._crowd = self._stack.enter_context(Crowd(target, options, program=program, apart=True))
        put_first(self._crowd.process.pid)

    def watch(self, path: str) -> None:
        """Look at another path or part from here on."""
        self.watched, self.condition, self.evidence, self._epoch = path, "unknown", "unknown", None

    def listen(self, now_s: float) -> bool:
        """Take what callers have told; whether they are still there."""
        assert self._crowd is not None
        with contextlib.suppress(queue.Empty):
            while True:
                line = self._crowd.lines.get_nowait()
                if line is None:
                    self._are_gone, self.tally.live = True, []
                    return False
                self.tally.take(line, now_s)
        return not self._are_gone

    @property
    def office(self) -> BackOffice:
        """Its back office."""
        return self._office

    @property
    def crowd(self) -> Crowd:
        """The people who call."""
        assert self._crowd is not None
        return self._crowd

    def finish(self) -> None:
        """Nobody calls any more who has not called before."""
        assert self._crowd is not None
        self._crowd.finish()

    def kill(self) -> int:
        """`kill -9` of the process that has the calls; its id."""
        self.kills += 1
        return self.node.kill("active")

    def conclude(self, moments: Moments) -> dict[str, Any]:
        """Its score card, once every call is over in its record."""
        assert self._crowd is not None
        with contextlib.suppress(NodeFailedError):
            wait_until("every call has ended", lambda: all_ended(self.node.calls()), RECORDS_WITHIN_S)
        self._end_watching()
        for carrier in self.carriers:
            carrier.end()
        told = [line for carrier in self.carriers for line in carrier.told]
        records = self.node.calls()
        accounts = {"told": self._crowd.reports, "records": records, "taken": told}
        agreed, words = compared(self.directory, accounts, self._office.address)
        self.node.stop()
        return score(self.tally, self._seen(moments), Accounts(records, told, agreed, words, self.kills))

    def _seen(self, moments: Moments) -> Moments:
        """With what the node found out."""
        unfit = (at for at, what in self.changes if moments.fault_at <= at and what in UNFIT)
        well = (at for at, what in self.changes if moments.back_at <= at and what == "healthy")
        return Moments(moments.fault_at, moments.back_at, next(unfit, None), next(well, None))

    # --- what the node thinks of its carrier

    def _watch(self) -> None:
        while not self._done.wait(LOOK_EVERY_S):
            try:
                if self.watched.startswith("keepline/"):
                    self._look_at_part()
                    continue
                request: Message = {"op": TELL, "call": secrets.token_hex(8)}
                told = ask(self.node.settings.data, request, ASKED_WITHIN_S).get("paths")
            except (NodeNotRunning, OSError, ValueError, KeyError):
                continue
            for path in told if isinstance(told, list) else ():
                if path["path"] == self.watched and path["condition"] != self.condition:
                    self._note(str(path["condition"]), str(path["evidence"]))

    def _note(self, condition: str, evidence: str) -> None:
        self.condition, self.evidence = condition, evidence
        self.changes.append((time.time(), condition))
        if condition in UNFIT:
            self.found.append(f"{condition}: {evidence}")

    def _look_at_part(self) -> None:
        """A part of the node: its supervisor says that another process has its place, or what is wrong."""
        status: dict[str, Any] = ask(self.node.settings.data, {"op": "status"}, ASKED_WITHIN_S)
        if self.watched == DISK:
            found = "; ".join(str(each) for each in status.get("trouble") or ())
        else:
            role = self.watched.partition("/")[2]
            epoch = status["epochs"]["media" if role == "media" else "calls"]
            found = f"epoch {epoch} after {self._epoch}" if self._epoch not in (None, epoch) else ""
            self._epoch = epoch
        condition = "down" if found else "healthy"
        if condition != self.condition:
            self._note(condition, found)

    def _end_watching(self) -> None:
        self._done.set()
        if self._watcher.is_alive():
            self._watcher.join()


def put_first(pid: int) -> None:
    """Before ordinary processes, but where this one is to come after others, as a drill that a node's desk began."""
    if os.getpriority(os.PRIO_PROCESS, 0) <= 0:
        run_early(pid)

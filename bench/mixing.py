"""A node with a crowd in every state that a call can be in, and the back office that counts what its flows do.

The live tests run it small and look at the verdicts alone; `bench/deaths.py` runs it large and looks at the clock too.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.killing import REPLACED_WITHIN_S, complete
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, NodeFailedError, NodeSettings, free_port_range, wait_until
from keepline.demo_ports import give_back_ports

MIX = Path(__file__).with_name("mix")
sys.path.insert(0, str(MIX))

from mixed_office import Office  # noqa: E402

OPERATION = MIX / "operation" / "keepline.yaml"
FLAG = "KEEPLINE_BENCH_FLAG"
UNDER_WAY_WITHIN_S = 120.0
RECORDS_WITHIN_S = 30.0
ENDS_MARGIN_S = 60.0
PAID = ("paying", "keying")
ASKED_MAX = 3
"""How often a node asks a back office for one thing: after so many deaths a charge may be unclear, for a while."""
RECORDED_LESS_S = 1.5
"""What a recording may lack for each death of media: half a second and the time until its successor, generously."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How many call, and what they are like."""

    concurrent: int = 60
    rate: float = 5.0
    ramp_rate: float = 15.0
    dwell_s: tuple[float, float] = (5.0, 10.0)
    ring_s: float = 6.0
    tcp_share: float = 0.2
    mix: str = ""
    """KIND:SHARE,…; all alike where it says nothing."""
    rtp: str = "noise"
    drain_s: float = 60.0
    media_deaths: bool = False
    all_dies: bool = False
    seed: int = 1


@dataclass(slots=True)
class Stage:
    """What events happen to."""

    node: LocalNode
    office: Office
    crowd: Crowd
    setting: Setting
    operation: Path
    flag: Path
    summary: dict[str, Any] = field(default_factory=dict)
    struck_at: list[float] = field(default_factory=list)
    """Wall clock, in seconds, of each event."""
    away_ms: list[float] = field(default_factory=list)
    """From each death of everything to the node that serves again."""
    dead: list[int] = field(default_factory=list)
    """Process ids that are not to come back."""

    @property
    def reports(self) -> list[dict[str, Any]]:
        return self.crowd.reports

    def complete(self) -> dict[str, int]:
        """The process ids by role, once media, active and warm are there and none of them is a dead one."""
        try:
            what = "the node is complete again"
            return dict(wait_until(what, lambda: complete(self.node, self.dead), REPLACED_WITHIN_S))
        except NodeFailedError as failure:
            raise NodeFailedError(f"{failure}\n{self.node.story()}") from failure

    def finish(self) -> None:
        """Let the crowd come to its end."""
        self.crowd.finish()
        self.summary = self.crowd.wait(self.setting.drain_s + ENDS_MARGIN_S)

    # What came of it ------------------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """Everything that is wrong, call by call: as callers and callees heard it, and as the back office counted."""
        found = [
            f"{report['kind']} call {report['call']}{' tcp' if report['tcp'] else ''} ({report['call_id']}): "
            f"{'; '.join(report['faults'])}; answered_at={report['answered_at']:.3f} "
            f"ended_at={report['ended_at']:.3f} heard={[run['prompt'] for run in report['heard']]}"
            for report in self.reports
            if not report["good"]
        ]
        if self.summary.get("left"):
            found.append(f"{self.summary['left']} calls never ended")
        return found + self.charge_faults() + self.record_faults()

    def charge_faults(self) -> list[str]:
        """Who was not charged exactly once, or was told another thing than what was done."""
        found = [f"{payer} was charged with another card" for payer in self.office.wrong_cards]
        for report in self.reports:
            if report["kind"] not in PAID:
                continue
            made, keys = self.office.told(report["caller"])
            told = [run["prompt"] for run in report["heard"]]
            # With media's memory a card is gone that may have been charged: nobody can ask once more.
            least = 1 if self.setting.all_dies and report["kind"] == "keying" else ASKED_MAX
            if "unclear" in told and self.strikes(report) < least:
                found.append(f"{report['caller']} was told that it is unclear after {self.strikes(report)} deaths")
            if made > 1 or keys > 1 or ("paid" in told and not made) or ("unpaid" in told and made):
                found.append(f"{report['caller']} was charged {made} times with {keys} keys and heard {told}")
        return found

    def record_faults(self) -> list[str]:
        """Records against callers, one for one, and messages against what their callers said."""
        wanted = Counter(report["caller"] for report in self.reports)

        def ended() -> list[dict[str, Any]]:
            mine = [each for each in self.node.calls() if each["from"] in wanted and each["direction"] == "inbound"]
            return mine if sum(bool(each.get("ended_at")) for each in mine) >= wanted.total() else []

        try:
            within_s = RECORDS_WITHIN_S + self.setting.dwell_s[1]  # the office may still be paying for who has left
            records = wait_until("every call has ended in the records", ended, within_s)
        except NodeFailedError:
            records = [each for each in self.node.calls() if each["direction"] == "inbound" and each.get("ended_at")]
        had = Counter(each["from"] for each in records)
        found = [f"{who}: {had[who]} records of {count} calls" for who, count in wanted.items() if had[who] != count]
        messages = {each["from"]: each.get("messages") or [] for each in records}
        for report in self.reports:
            is_whole = not report["cut"] and report["good"] and not self.setting.all_dies
            if report["kind"] == "message" and is_whole:
                found += self._message_faults(report, messages.get(report["caller"], []))
        return found

    def _message_faults(self, report: dict[str, Any], messages: list[dict[str, Any]]) -> list[str]:
        if len(messages) != 1:
            return [f"{report['caller']} left a message, and {len(messages)} are on record"]
        deaths = sum(report["answered_at"] < at < report["ended_at"] for at in self.struck_at)
        length_s = seconds_of(self.node.settings.data / messages[0]["path"])
        least_s = max(0.0, report["dwell_s"] - 1.0 - deaths * RECORDED_LESS_S)
        return (
            [] if length_s >= least_s else [f"{report['caller']}: {length_s:.1f} s recorded of {report['dwell_s']:.1f}"]
        )

    def strikes(self, report: dict[str, Any]) -> int:
        """How many events fell into a call."""
        return sum(report["invited_at"] < at < report["ended_at"] for at in self.struck_at)

    def struck(self, kind: str = "") -> int:
        """How many events fell into calls (of a kind), added up: what strikes nobody proves nothing."""
        return sum(self.strikes(report) for report in self.reports if kind in ("", report["kind"]))

    def log(self) -> list[dict[str, Any]]:
        """What the node's processes logged, with "at" in seconds of the wall clock."""
        found = []
        for line in self.node.stderr_path.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                entry["at"] = datetime.fromisoformat(entry["timestamp"]).timestamp()
                found.append(entry)
        return found


def seconds_of(path: Path) -> float:
    """How long a recording is; G.711 has 8,000 bytes a second."""
    try:
        return max(0, path.stat().st_size - 58) / 8000
    except OSError:
        return 0.0


@contextlib.contextmanager
def a_stage(setting: Setting, directory: Path | None = None, spoken: Path | None = None) -> Iterator[Stage]:
    """A node with its crowd, as many on the phone as may be at once; stopped in the end, or killed.

    `directory` is for its files, a passing one where none is given; `spoken` keeps prompts for the next node.
    """
    with contextlib.ExitStack() as stack:
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keepline-mix-")))
        operation, data, flag = directory / "operation", directory / "data", directory / "flag"
        operation.mkdir(parents=True)
        for file in OPERATION.parent.glob("*.*"):
            (operation / file.name).write_bytes(file.read_bytes())
        if spoken is not None:
            (data / "prompts").mkdir(parents=True)
            for file in spoken.glob("*.?law"):
                (data / "prompts" / file.name).write_bytes(file.read_bytes())
        stack.enter_context(variables({FLAG: str(flag), "KEEPLINE_LOG": "info"}))
        slow_s = setting.dwell_s[0] / 2, setting.dwell_s[1]
        office = stack.enter_context(Office(slow_s, setting.seed))
        settings = NodeSettings(operation / "keepline.yaml", data, slots=2 * setting.concurrent + 60)
        node = LocalNode(settings)
        settings.extra = [
            "--set", f"trunks.loopback.outbound.proxy=127.0.0.1:{node.spare_ports[0]}",
            "--set", f"capabilities.office.paths.0.http.base_url={office.url}",
            "--set", f"numbers.1005.ring_s={setting.ring_s}",
        ]  # fmt: skip
        stack.enter_context(node)
        first_port, _ = free_port_range(2 * crowd_ports(setting))
        stack.callback(give_back_ports, first_port)
        crowd = stack.enter_context(
            Crowd(node.uri("1000"), crowd_options(node, setting, first_port), (), (str(MIX / "mixed.py"),), apart=True)
        )
        put_before(crowd.process.pid)
        stage = Stage(node, office, crowd, setting, operation, flag)
        under_way(stage)
        yield stage
        if spoken is not None:
            for file in (data / "prompts").glob("*.?law"):
                (spoken / file.name).write_bytes(file.read_bytes())
        node.stop()
        node.wait_gone()


def put_before(pid: int) -> None:
    """Let the crowd run before what is measured, where that is allowed: who is late himself finds others late."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, -10)
        Path(f"/proc/{pid}/autogroup").write_text("-10", encoding="ascii")


def crowd_ports(setting: Setting) -> int:
    """How many ports of audio the crowd has: for callers and callees, and some that rest."""
    return 2 * setting.concurrent + 60


def crowd_options(node: LocalNode, setting: Setting, first_port: int) -> list[str]:
    """The command line of the crowd."""
    options = [
        "--port-base", str(first_port), "--ports", str(crowd_ports(setting)),
        "--sip-port", str(node.spare_ports[0]), "--concurrent", str(setting.concurrent), "--rate", str(setting.rate),
        "--ramp-rate", str(setting.ramp_rate), "--drain", str(setting.drain_s), "--rtp", setting.rtp,
        "--tcp-share", str(setting.tcp_share), "--seed", str(setting.seed), "--ring", str(setting.ring_s),
        "--dwell", f"{setting.dwell_s[0]}-{setting.dwell_s[1]}", *prompt_options(node.prompts()),
    ]  # fmt: skip
    if setting.mix:
        options += ["--mix", setting.mix]
    flags = {"--media-deaths": setting.media_deaths, "--all-dies": setting.all_dies}
    return options + [flag for flag, is_set in flags.items() if is_set]


def under_way(stage: Stage) -> None:
    """Wait until the node has as many live calls as the crowd makes, nearly."""
    wanted = 0.8 * stage.setting.concurrent

    def full() -> bool:
        if stage.crowd.process.poll() is not None:
            raise NodeFailedError(f"the crowd has ended by itself, with {stage.crowd.process.returncode}")
        return int(stage.node.glance().get("live_calls", 0)) >= wanted

    wait_until(f"{wanted:.0f} calls are under way", full, UNDER_WAY_WITHIN_S)
    stage.complete()
    time.sleep(stage.setting.dwell_s[0] / 2)  # those that came first reach their states; nothing depends on it


@contextlib.contextmanager
def variables(wanted: dict[str, str]) -> Iterator[None]:
    """Environment variables, for those who are started meanwhile."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

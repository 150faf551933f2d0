"""Drills as the desk knows them: read from their journals, begun and ended as `keepline drill` would.

A drill is a process of its own, in a session of its own, that the same command is: it goes on when the desk dies, and
whatever kills it, its faults are leases of others and end by themselves. Who asked is on record before it begins.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from keepline.desk.people.records import Principal
from keepline.desk.source import Unavailable
from keepline.drill.following import all_told, mark_of, told_of, under_way
from keepline.drill.history import coverage, read_runs
from keepline.drill.turns import ASKED_BY, NotItsTurnError, history_of, turn
from keepline.model.limits_desk import DRILL_RUNS_SHOWN
from keepline.model.operation import Operation
from keepline.node.control import Message

if TYPE_CHECKING:
    from keepline.drill.catalogue import Catalogue

COMMAND: Final = (sys.executable, "-m", "keepline.cli", "drill")
BEGINS_WITHIN_S: Final = 60.0
KNOWN_WITHIN_S: Final = 5.0
POLL_S: Final = 0.1
NICER: Final = 5
"""What a drill runs does not come before the calls of the node beside it."""
RUN: Final = "drill.run"
IN_PRODUCTION: Final = " in production"
"""How it ends what a decision is about, where it is to be against this node."""
SAID: Final = "starting.err"
"""What a process said that began no drill."""
Note = Callable[[Principal, str, str, str], Message]
"""Put on record who does what about what and why: `ok`, or `error`; raises `Unavailable`."""


class DrillRefused(Exception):  # noqa: N818 - an answer, not a fault
    """It is not begun, or there is none to end: why, and the status of the answer."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


def _on_record(told: Message) -> None:
    """What was noted is; raises `DrillRefused` where the node did not."""
    if not told.get("ok"):
        raise DrillRefused(422, str(told.get("error") or "the node did not put it on record"))


class DrillsDesk:
    """The drills of the node of one data directory. Every method may block, and may be called from any thread."""

    def __init__(self, data: Path, command: Sequence[str] = COMMAND) -> None:
        """`command` stands in for the real one in tests."""
        self.directory = history_of(data)
        self._data, self._command = data, command
        self._catalogue: Catalogue | None = None
        self._wrong = "which operation runs is not known yet"
        self._has_begun = threading.Event()
        self._started: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def begin(self, operation: Operation) -> Sequence[threading.Event]:
        """Another version of the operation runs. What reads drills is imported here: the desk starts without it."""
        from keepline.drill.catalogue import catalogue_of
        from keepline.drill.experiment import DrillError

        try:
            self._catalogue, self._wrong = catalogue_of(operation), ""
        except (DrillError, OSError) as error:
            self._catalogue, self._wrong = None, str(error)
        self._has_begun.set()
        return ()

    def mark(self) -> object:
        """Another one whenever something has changed."""
        self._reap()
        return mark_of(self.directory)

    def told(self, now_s: float) -> dict[str, Any]:
        """All of it, as JSON has it; raises `Unavailable`."""
        self._reap()
        found, runs = self._known(), read_runs(self.directory)
        current = under_way(self.directory)
        drills = [offer.drill for offer in found.offers.values()]
        return {
            "operation": found.operation, "has_world": found.has_world,
            "blast_radius_of_all": found.blast_radius_of_all if found.has_world else "",
            "running": None if current is None else self._current(current, runs),
            "drills": [
                {
                    "name": name, "title": offer.drill.title, "path": offer.drill.path,
                    "in_world": offer.has_world, "blast_radius": offer.blast_radius,
                    "in_production": offer.plan is not None,
                    "production_blast_radius": offer.plan.blast_radius if offer.plan is not None else "",
                    "why_not_in_production": offer.refused,
                }
                for name, offer in found.offers.items()
            ],
            "coverage": [
                {"path": each.path, "standing": each.standing, "drills": list(each.drills), "passed_at": each.passed_at}
                for each in coverage(found.paths, drills, runs, now_s)
            ],
            "runs": all_told(self.directory, DRILL_RUNS_SHOWN),
        }  # fmt: skip

    def _reap(self) -> None:
        """Whoever has ended is gone, so that no number stands for him any more."""
        self._started = [each for each in self._started if each.poll() is None]

    @staticmethod
    def _current(current: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
        told = told_of(current, runs, alive=current["alive"])
        is_ending = any(each["words"].startswith("asked to end") for each in told["said"])
        return told | {"is_ending": is_ending}

    def run(
        self, who: Principal, name: str, confirm: str, production: bool, why: str, note: Note
    ) -> tuple[str, float | None]:
        """Begin one, or `all`: the name of its run, or of the first one's, and until when it waits for a second person.

        Raises `DrillRefused` and `Unavailable`.
        """
        from keepline.drill.catalogue import refusal
        from keepline.drill.experiment import DrillError

        self._reap()
        found = self._known()
        try:
            wrong = refusal(found, name, confirm, production=production)
        except DrillError as error:
            raise DrillRefused(404, str(error)) from None
        if wrong:
            raise DrillRefused(422, wrong)
        with self._lock:
            self._refuse_where_one_runs()
            told = note(who, RUN, f"{name}{IN_PRODUCTION}" if production else name, why)
            _on_record(told)
            held = told.get("held_until_s")
            if isinstance(held, int | float):
                return "", float(held)
            return self._start(who.name, found, name, production=production), None

    def settle(self, wanted: Mapping[str, object], do: Callable[[], Message]) -> Message:
        """Have a second person's yes put on record by `do`, and begin what waited for it, where that can be begun now.
        Raises `DrillRefused` and `Unavailable`.
        """
        from keepline.drill.catalogue import refusal
        from keepline.drill.experiment import DrillError

        found, about = self._known(), str(wanted["about"])
        name, production = about.removesuffix(IN_PRODUCTION), about.endswith(IN_PRODUCTION)
        try:
            wrong = refusal(found, name, found.operation if production else name, production=production)
        except DrillError as error:
            raise DrillRefused(404, str(error)) from None
        if wrong:
            raise DrillRefused(422, wrong)
        with self._lock:
            self._refuse_where_one_runs()
            told = do()
            if told.get("ok"):
                self._start(str(wanted["by"]), found, name, production=production)
            return told

    def abort(self, who: Principal, name: str, why: str, note: Note) -> str:
        """End the one that runs, or what one has left; its run. Raises `DrillRefused` and `Unavailable`."""
        with self._lock:
            current = under_way(self.directory)
            if current is None or current["drill"] != name:
                raise DrillRefused(409, f"{name} does not run" + (f"; {current['drill']} does" if current else ""))
            _on_record(note(who, "drill.abort", str(current["run"]), why))
            self._spawn(who.name, ["abort"])
        return str(current["run"])

    def _known(self) -> "Catalogue":
        self._has_begun.wait(KNOWN_WITHIN_S)  # a desk that has just been started anew has buttons, too
        if self._catalogue is None:
            raise Unavailable(f"there are no drills to be shown: {self._wrong}")
        return self._catalogue

    def _refuse_where_one_runs(self) -> None:
        current = under_way(self.directory)
        if current is not None and current["alive"]:
            raise DrillRefused(409, f"{current['drill']} runs already: one at a time. Abort it, or wait for its end")
        try:
            with turn(self.directory):
                pass
        except NotItsTurnError as error:
            raise DrillRefused(409, str(error)) from None
        except OSError as error:
            raise Unavailable(f"drills are kept in {self.directory}: {error.strerror}") from error

    def _start(self, who: str, found: "Catalogue", name: str, *, production: bool) -> str:
        """Until it has noted that it runs, or has said why it does not."""
        from keepline.drill.catalogue import EVERY

        more = ["--production", "--yes", found.operation] if production else []
        made = self._spawn(who, ["run", "--all" if name == EVERY else name, "--json", *more])
        limit_s = time.monotonic() + BEGINS_WITHIN_S
        while made.poll() is None:
            current = under_way(self.directory)
            if current is not None and current["alive"]:
                return str(current["run"])
            if time.monotonic() > limit_s:
                made.terminate()
                raise Unavailable(f"it has not begun within {BEGINS_WITHIN_S:g} s")
            time.sleep(POLL_S)
        said = ""
        with contextlib.suppress(OSError):
            said = (self.directory / SAID).read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        raise DrillRefused(409, said or "it ended before it began")

    def _spawn(self, who: str, arguments: list[str]) -> "subprocess.Popen[bytes]":
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [*self._command, *arguments, "--data", str(self._data), "--history", str(self.directory)]
        try:
            with (self.directory / SAID).open("wb") as said:
                made = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True,
                    env=os.environ | {ASKED_BY: who},
                )  # fmt: skip
        except OSError as error:
            raise Unavailable(f"no drill can be started here: {error.strerror}") from error
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, made.pid, NICER)
        self._started.append(made)
        return made

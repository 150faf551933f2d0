"""The calls process: warm until the kernel grants it the lock, then active until it dies.

`python -m keepline.node.calls --data DIR --fds JSON`. Warm, it follows the journal and keeps the facts of every open
call; the lock is granted at the active one's death, by the kernel, without anybody's help.
"""

import argparse
import asyncio
import fcntl
import gc
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepline.node import light_logs  # noqa: F401 - before structlog

# isort: split

import structlog

from keepline.call import effects as fx
from keepline.call.effects_run import RunAnswered
from keepline.call.exchange import Exchange
from keepline.call.facts import CallBegun, CallEnded, Fact
from keepline.call.steps.apology import apologies
from keepline.connectors.speech.client import PromptFailed, PromptStore
from keepline.model.errors import LocalError
from keepline.model.operation import Prompt
from keepline.node import answers, commands, number_commands, path_commands, people_commands
from keepline.node.active import Active, adopt
from keepline.node.blame import note_deaths
from keepline.node.capabilities import Capabilities
from keepline.node.control import ControlClient, Message
from keepline.node.head_start import OPTION as AWAIT
from keepline.node.head_start import told
from keepline.node.identity import address_of, identity_of
from keepline.node.incident_commands import DIED
from keepline.node.journal import Journal, JournalFigures, Tail, next_epoch
from keepline.node.journal_watch import JournalWatch
from keepline.node.ledgers import Ledgers, know_paths
from keepline.node.logs import set_up_logs
from keepline.node.medialink import MediaLink
from keepline.node.outlets import OutletMakers, standing
from keepline.node.own_news import OwnNews
from keepline.node.passwords import nonce_key
from keepline.node.paths import NodePaths
from keepline.node.programs import Programs, asks_for_names
from keepline.node.run_start import begin_runs
from keepline.node.scheduling import run_early
from keepline.node.slots import Slots
from keepline.node.streams import Streams
from keepline.node.tones import store_tones

if TYPE_CHECKING:
    from keepline.node.resolver import Locator

FOLLOW_EVERY_S = 0.1
FOLLOW_IDLE_EVERY_S = 0.25
LEFT_LINGER_S = 32.0
"""64*T1: how long the requests of an ended call may still be repeated."""
GOODBYE_LIMIT_S = 3.0
"""For the answers to our BYEs."""
GOODBYE_LOOK_EVERY_S = 0.02
LEFT_AT_START_S = 5.0
log = structlog.get_logger("calls")


class CallsProcess:
    """One process of the pair."""

    def __init__(self, paths: NodePaths, fds: dict[str, Any], digest: str) -> None:
        self._paths = paths
        self._digest = digest
        self._loop = asyncio.get_running_loop()
        self._slots = Slots.attach(fds["slots"])
        self._sip = [socket.socket(fileno=fd) for fd in fds["sip"]]
        self._sip_tcp = [socket.socket(fileno=fd) for fd in fds["sip_tcp"]]
        self._link = socket.socket(fileno=fds["link"])
        self._fds = fds
        self._rtp_ports: list[int] = fds["rtp_ports"]
        for each in (*self._sip, self._link):
            each.setblocking(False)
        self._tail = Tail(paths.journal)
        self._open: dict[str, list[Fact]] = {}
        self._left: list[CallEnded] = []
        self._registrations: dict[str, Message] = {}
        """Of trunks, by their names, as the supervisor is told."""
        self._ledgers = Ledgers()
        self._active: Active | None = None
        self._exchange: Exchange | None = None
        self._news = OwnNews()
        self._epoch = 0
        self._programs = Programs(paths.data)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._streams: Streams | None = None
        self._locator: Locator | None = None
        self._watch = JournalWatch(paths.journal)
        self._control = ControlClient(
            paths,
            self._hello,
            self._given_fds,
            self._on_control,
            duplicates=lambda: self._streams.duplicates() if self._streams is not None else [],
            on_streams=self._on_streams,
        )

    async def run(self) -> None:
        """Serve until told to stop."""
        if self._programs.load(self._digest) is None:
            raise LocalError(f"the stored operation {self._digest} cannot be had")
        self._open, self._left = self._tail.open_calls(time.time() - LEFT_AT_START_S)
        self._ledgers.begin(self._paths.journal, self._tail.seq)
        try:
            store_tones(self._paths.prompts)
        except OSError as error:  # a caller may hear silence instead, some day
            log.error("tones_failed", what=str(error))
        gc.collect()
        gc.freeze()
        # Cycles are rare here, and a full collection is a pause that every call would feel.
        gc.set_threshold(50_000, 50, 100)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopping.set)
        self._control.start()
        threading.Thread(target=self._await_lock, name="lock", daemon=True).start()
        self._follow()
        self._watch.start()
        await self._stopping.wait()
        if self._active is not None:
            if self._locator is not None:
                self._locator.stop()
            await self._say_goodbye(self._active)
            self._active.stop()
            await asyncio.sleep(0)  # what was written last is told of now, and its effects leave

    async def _say_goodbye(self, active: Active) -> None:
        """Hang up what is live, as an orphan: under a supervisor the next process goes on with it."""
        exchange = self._exchange
        if exchange is None or self._control.is_connected:
            return
        active.feed_all((fx.Drain(), fx.HangUpAll("stopping")))
        deadline_s = time.monotonic() + GOODBYE_LIMIT_S
        while exchange.live_calls and time.monotonic() < deadline_s:
            await asyncio.sleep(GOODBYE_LOOK_EVERY_S)

    # Warm -----------------------------------------------------------------------------------------------------------

    def _await_lock(self) -> None:
        descriptor = os.open(self._paths.active_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # The descriptor stays open for as long as this process lives: its death is what frees the lock.
        self._loop.call_soon_threadsafe(self._promote_or_die)

    def _follow(self) -> None:
        if self._active is not None:
            return
        try:
            self._read_tail()
        except sqlite3.Error as error:  # read again in a moment, or at promotion
            log.warning("follow_failed", what=str(error))
        except LocalError as error:  # a journal that this version cannot read; a successor will say the same
            log.error("journal_unreadable", what=str(error))
            os._exit(1)
        self._loop.call_later(FOLLOW_EVERY_S if self._open else FOLLOW_IDLE_EVERY_S, self._follow)

    def _read_tail(self) -> None:
        for fact in self._tail.follow():
            self._ledgers.note(fact)
            if isinstance(fact, CallEnded):
                self._open.pop(fact.call, None)
                self._left.append(fact)
            elif isinstance(fact, CallBegun):
                self._open[fact.call] = [fact]
            else:
                facts = self._open.get(fact.call)
                if facts is not None:
                    facts.append(fact)
        oldest_s = self._slots.now_s(time.monotonic()) - LEFT_LINGER_S
        if self._left and self._left[0].at_s < oldest_s:
            self._left = [ended for ended in self._left if ended.at_s >= oldest_s]

    # Active ---------------------------------------------------------------------------------------------------------

    def _promote_or_die(self) -> None:
        """An active process that does not work must not keep the lock from one that may."""
        try:
            self._promote()
        except Exception:
            log.exception("promotion_failed")
            os._exit(1)

    def _promote(self) -> None:
        began_s = time.monotonic()
        self._watch.stop()
        run_early()  # before what is only being started, its own standby above all
        self._epoch = next_epoch(self._paths.journal, self._slots.calls_epoch)
        self._slots.calls_epoch = self._epoch
        self._read_tail()
        identity = identity_of(self._programs[self._digest].operation, address_of(self._sip[0]))
        exchange = Exchange(identity, os.urandom(32), self._rtp_ports, nonce_key(self._paths.nonce_key))
        self._exchange = exchange
        exchange.tolls.ledger = self._ledgers.tolls
        self._ledgers.tell(exchange, self._slots.now_s(time.monotonic()), path_commands.clock)
        exchange.add_program(self._programs[self._digest], current=True)
        begun = {each.operation for facts in self._open.values() if isinstance(each := facts[0], CallBegun)}
        for version in begun | {item.begun.operation for item in self._ledgers.book if item.is_ours}:
            if version not in self._programs:
                program = self._programs.load(version)
                if program is not None:
                    exchange.add_program(program, current=False)
        exchange.unfinished.take(self._ledgers.book, self._slots.now_s(time.monotonic()))
        exchange.numbers.take(self._ledgers.numbers)
        exchange.blamed, exchange.stands_alone = note_deaths(self._slots), True
        exchange.note_step = self._note_step
        adopt(exchange, self._slots.now_s(time.monotonic()), self._open, self._left, self._slots)
        now_s = lambda: self._slots.now_s(time.monotonic())  # noqa: E731
        journal = Journal(self._paths.journal, self._epoch, self._tell_written, now_s)
        journal.retention.keep(self._programs[self._digest].operation.journal.keep_days)
        self._tail.close()  # only now: the last one to close takes the log's file away, and a full disk gives no other
        active = Active(self._loop, exchange, journal, self._slots, self._sip, self._tell_trouble)
        prompts = PromptStore(self._paths.data, self._paths.speech_socket)
        media = MediaLink(self._loop, self._slots, self._link, prompts, self._epoch, active.feed)
        media.close_strangers(set(self._open))
        active.capabilities = Capabilities(
            self._loop, self._programs.operation, active.feed_all, active.now_s, media.reveals.ask, self._paths.data
        )
        self._begin_outlets(active, prompts)
        active.capabilities.doubt = lambda: journal.failure
        active.capabilities.choosing.shares = exchange.follower.shares
        active.tell = self._tell
        self._active, live = active, len(self._open)
        active.hold(self._open)
        self._open, self._left = {}, []
        for operation in (each.operation for each in self._programs):
            for prompt in (*apologies(operation), *standing(operation), *operation.prompts.values()):
                self._keep(self._loop.create_task(self._make_ready(prompts, prompt)))
        self._streams = active.streams = Streams(
            self._loop, active.feed_all, exchange.gate, active.now_s, self._control.hold
        )
        begin_runs(self._loop, self._paths.journal, journal, active, exchange, self._programs.load, self._tell)
        active.start(media, self._link)
        self._locator = self._begin_locating(active)
        self._streams.start(self._sip_tcp, address_of(self._sip[0]).host)
        self._news.begin(lambda given: self._loop.call_soon(active.feed, given))
        took_ms = round((time.monotonic() - began_s) * 1000, 1)
        log.info("promoted", epoch=self._epoch, calls=live, took_ms=took_ms)
        self._control.tell(
            {"op": "promoted", "epoch": self._epoch, "took_ms": took_ms, "work": self._ledgers.book.counts()}
        )
        if not self._control.tell({"op": "take_over"}):
            self._streams.end_handover()

    def _begin_outlets(self, active: Active, prompts: PromptStore) -> None:
        """What paths were, and how people are told, where the operation has words for them."""
        assert active.capabilities is not None
        know_paths(active.capabilities.choosing, self._ledgers, active.feed)
        outlets = OutletMakers(self._paths, prompts.ensure, active.feed)
        active.capabilities.outlets = outlets.makers
        outlets.begin(self._programs[self._digest].operation, self._keep)

    def _begin_locating(self, active: Active) -> "Locator | None":
        """Follow the names of proxies; None where all are addresses."""
        operation = self._programs[self._digest].operation
        if not asks_for_names(operation):
            return None
        from keepline.node.resolver import Locator, Resolver  # loaded with the program

        listening = {socket.AF_INET: "A", socket.AF_INET6: "AAAA"}
        families = frozenset(listening[each.family] for each in self._sip)
        locator = Locator(Resolver(operation.sip.dns, families), active.feed, self._paths.located_file)
        locator.start(operation)
        return locator

    def _on_streams(self, descriptors: list[int], last: bool) -> None:
        self._loop.call_soon_threadsafe(self._take_streams, descriptors, last)

    def _take_streams(self, descriptors: list[int], last: bool) -> None:
        assert self._streams is not None
        self._streams.take_over(descriptors)
        if last:
            self._streams.end_handover()

    def _note_step(self, mark: str) -> None:
        self._slots.stepping_call = int(mark, 16) if mark else 0

    async def _make_ready(self, prompts: PromptStore, prompt: Prompt) -> None:
        """Have a declared prompt made before the first caller needs it."""
        try:
            await prompts.ensure(prompt)
        except PromptFailed as failure:
            log.warning("prompt_failed", what=str(failure))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell_trouble(self, what: str, figures: JournalFigures) -> None:
        self._news.journal(what, figures.lost)
        self._control.tell({"op": "trouble", "what": what, "journal": asdict(figures)})

    def _tell_written(self, written: Any) -> None:
        active = self._active
        if active is not None:
            active.hear_written(written)

    # The supervisor's line ------------------------------------------------------------------------------------------

    def _hello(self) -> Message:
        role = "active" if self._active is not None else "warm"
        trouble = self._active.trouble if self._active is not None else ""
        return {
            "op": "register",
            "role": "calls",
            "pid": os.getpid(),
            "state": role,
            "epoch": self._epoch,
            "trouble": trouble,
            "journal": asdict(self._active.figures if self._active is not None else JournalFigures()),
            "operation": self._digest,
            "registrations": self._registrations,
            "work": self._ledgers.book.counts(),
        }

    def _given_fds(self) -> list[tuple[str, list[int]]]:
        names = ("slots", "link", "media_link")
        singles = [(name, [self._fds[name]]) for name in names]
        sockets = [("sip", self._sip), ("sip_tcp", self._sip_tcp)]
        return [*singles, *((name, [each.fileno() for each in some]) for name, some in sockets if some)]

    def _on_control(self, message: Message) -> None:
        self._loop.call_soon_threadsafe(self._obey, message)

    def _obey(self, message: Message) -> None:
        if message.get("op") == "stop":
            self._stopping.set()
        elif message.get("op") == DIED:
            self._news.died(message)
        elif self._active is not None and message.get("op") == "standby":
            self._active.feed(fx.StandbyCame())
        elif self._active is not None and message.get("op") == "drain":
            self._active.feed(fx.Drain())
        elif self._active is not None and message.get("op") == "hang_up_all":
            self._active.feed(fx.HangUpAll("stopping"))
        elif self._exchange is not None and self._active is not None and message.get("op") == path_commands.TELL:
            self._control.tell(path_commands.told(message, self._exchange, self._active.capabilities))
        elif self._exchange is not None and self._active is not None and message.get("op") == number_commands.TELL:
            self._control.tell(number_commands.told(message, self._exchange, self._active.now_s()))
        elif self._exchange is not None and self._active is not None and message.get("op") == people_commands.WAITING:
            self._control.tell(people_commands.told(message, self._exchange, self._active.now_s()))
        elif self._active is not None:
            asked = commands.asked_in(message)
            if isinstance(asked, fx.PlacementAnswered | fx.WorkAnswered):
                self._tell(asked)
            elif asked is not None:
                self._active.feed(asked)

    def _tell(self, news: fx.PlacementAnswered | fx.RegistrationChanged | fx.WorkEffect | RunAnswered) -> None:
        if not isinstance(news, fx.RegistrationChanged):
            self._control.tell(answers.message_of(news))
        else:
            self._registrations[news.trunk] = {"until_s": news.until_s, "why": news.why}
            self._control.tell({"op": "registrations", "registrations": self._registrations})


def main() -> None:
    """Run one calls process."""
    parser = argparse.ArgumentParser(prog="keepline-calls", description="One of the two calls processes of a node.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--operation", required=True, help="digest of the stored operation")
    parser.add_argument("--fds", default="{}", help="JSON: the inherited descriptors by name")
    set_up_logs("calls")
    given, fds = sys.argv[1:], dict[str, Any]()
    if given[:1] == [AWAIT]:
        word = told(int(given[1]))
        if word is None:
            return
        given, fds = word
    arguments = parser.parse_args(given)
    fds = fds or json.loads(arguments.fds)
    try:
        asyncio.run(_run(NodePaths(arguments.data), fds, arguments.operation))
    except Exception:
        log.exception("calls_failed")
        sys.exit(1)


async def _run(paths: NodePaths, fds: dict[str, Any], digest: str) -> None:
    await CallsProcess(paths, fds, digest).run()


if __name__ == "__main__":
    main()

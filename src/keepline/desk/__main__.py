"""`python -m keepline.desk --data DIR --socket-fd N`: the HTTP process, on a listening TCP socket of its parent's."""

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
from collections.abc import Generator
from pathlib import Path

import structlog
import uvicorn

from keepline.desk.app import create_app
from keepline.desk.board import Board
from keepline.desk.copying import Copying
from keepline.desk.drills_desk import DrillsDesk
from keepline.desk.feed import Feed
from keepline.desk.following import Following, follow
from keepline.desk.incidents_desk import ask_node
from keepline.desk.leaders_pages import Prices
from keepline.desk.node_source import NodeSource
from keepline.desk.people.actions import NodeActions, keep_telling
from keepline.desk.people.people import People
from keepline.desk.people.settings import DeskSettingsNow
from keepline.desk.playbook_looks import PlaybookLooks
from keepline.desk.playbooks_api import NodePlaybooks
from keepline.desk.preflighting import Preflighting
from keepline.desk.runs_source import NodeRuns
from keepline.desk.witnessing import Witnessing
from keepline.model.limits_desk import DESK_REQUESTS_MAX
from keepline.node.api_token import read_token
from keepline.node.logs import set_up_logs

TICK_S = 1.0
SHUTDOWN_LIMIT_S = 2
"""How long open requests may take once SIGTERM has come."""


class _Server(uvicorn.Server):
    """Ends with 0 at SIGTERM, leaves Ctrl-C to the supervisor, and wakes once a second instead of ten times."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        self._ending = asyncio.Event()
        loop = asyncio.get_running_loop()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        yield

    async def main_loop(self) -> None:
        # A counter that tens divide makes the tick renew the Date header.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TICK_S)

    def _stop(self) -> None:
        self.should_exit = True
        self._feed.close()
        self._ending.set()


class _ToStructuredLog(logging.Handler):
    """Takes what libraries log to the log of the node."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def main() -> None:
    """Serve the inherited socket until SIGTERM."""
    parser = argparse.ArgumentParser(prog="keepline-desk", description="The web and the API of a Keepline node.")
    parser.add_argument("--data", type=Path, required=True, help="the node's data directory")
    parser.add_argument("--socket-fd", type=int, required=True, help="an inherited, listening TCP socket")
    arguments = parser.parse_args()
    listener = socket.socket(fileno=arguments.socket_fd)
    loopback = ipaddress.ip_address(listener.getsockname()[0]).is_loopback
    set_up_logs("desk")
    # Below an error uvicorn logs what anybody can cause at will: bad requests, and those past the limit.
    logging.basicConfig(level=logging.ERROR, handlers=[_ToStructuredLog()])
    source, people = NodeSource(arguments.data), People(arguments.data)
    feed, prices, settings = Feed(Board(source)), Prices(), DeskSettingsNow()
    drills = DrillsDesk(arguments.data)
    config = uvicorn.Config(
        create_app(
            source,
            loopback=loopback,
            runs=NodeRuns(arguments.data),
            token=lambda: read_token(arguments.data),
            feed=feed,
            money=prices.money,
            ask_incidents=ask_node(arguments.data),
            people=people,
            actions=NodeActions(arguments.data),
            is_open=settings.is_open,
            playbooks=NodePlaybooks(arguments.data, prices.money),
            drills=drills,
        ),
        log_config=None,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        loop="asyncio",
        http="h11",
        server_header=False,
        limit_concurrency=DESK_REQUESTS_MAX,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=SHUTDOWN_LIMIT_S,
    )
    data = arguments.data
    works = {
        "settings": settings.begin,
        "witnesses": Witnessing(data).begin,
        "snapshots": Copying(data).begin,
        "preflight": Preflighting(data).begin,
        "prices": prices.begin,
        "drills": drills.begin,
        "playbooks": PlaybookLooks(data).begin,
    }
    keep_telling(people, data)
    follow([Following(data, name, begin) for name, begin in works.items()])
    _Server(config, feed).run(sockets=[listener])


if __name__ == "__main__":
    main()

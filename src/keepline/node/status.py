"""What `keepline status` says of a node, drawn from its supervisor. It asks no other process, so it never waits."""

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from keepline import __version__
from keepline.node import journal_rescue
from keepline.node.children import Child
from keepline.node.control import Message
from keepline.node.scheduling import scheduling_of

if TYPE_CHECKING:
    from keepline.node.supervisor import Supervisor


def status_of(supervisor: "Supervisor") -> Message:
    """The object that `keepline status --json` prints."""
    holdings, settings = supervisor.holdings, supervisor.settings
    slots = holdings.slots
    starting = next((c for c in supervisor.children if c.role == "calls" and not c.state), None)
    return {
        "node": socket.gethostname(),
        "version": __version__,
        "mode": "normal",
        "state": supervisor.state,
        "trouble": [*supervisor.troubles(), *_damaged(supervisor.paths.data)],
        "journal": _journal(supervisor.find("calls", "active")),
        "live_calls": slots.live_calls,
        "processes": {
            "supervisor": {"pid": os.getpid()},
            "media": _media(supervisor.find("media")),
            "calls": {
                "active": _pid(supervisor.find("calls", "active")),
                "warm": _pid(supervisor.find("calls", "warm")),
                "starting": _pid(starting),
            },
            "speech": _pid(supervisor.find("speech")),
            "desk": _pid(supervisor.find("desk")),
            **({"status_page": _pid(supervisor.find("status_page"))} if settings.page[0] else {}),
        },
        "registrations": _registrations(supervisor.find("calls", "active"), slots.now_s(time.monotonic())),
        "work": _work(supervisor.find("calls", "active")),
        "epochs": {"calls": slots.calls_epoch, "media": slots.media_epoch},
        "restarts": dict(supervisor.restart_counts),
        "sip": f"udp:{address_of(holdings.sip[0])}",
        "sip_tcp": {"listens": bool(holdings.sip_tcp), "connections": len(supervisor.streams)},
        "http": address_of(holdings.http),
        "rtp_ports": f"{settings.rtp[0]}-{settings.rtp[1]}",
        "media_slots": slots.count,
        "operation": supervisor.digest,
        "data": str(supervisor.paths.data),
        "uptime_s": round(time.monotonic() - supervisor.began_s, 1),
    }


def address_of(bound: socket.socket) -> str:
    """Where a socket is bound, `HOST:PORT`, an IPv6 host in brackets."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def note_trouble(child: Child, what: object, message: Message) -> None:
    """What is wrong with a calls process, and how its journal does, as it tells."""
    child.trouble = str(what or "")
    found = message.get("journal")
    child.journal = found if isinstance(found, dict) else {}


def _journal(active: Child | None) -> Message:
    told = active.journal if active is not None else {}
    return {
        "waiting_facts": told.get("waiting", 0),
        "lost_facts": told.get("lost", 0),
        "flush_s": told.get("flush_s", 0.0),
    }


def registrations_in(message: Message) -> dict[str, Message]:
    """The registrations that a calls process tells of."""
    found = message.get("registrations")
    items = found.items() if isinstance(found, dict) else ()
    return {str(name): each for name, each in items if isinstance(each, dict)}


def _damaged(data: Path) -> list[str]:
    why = journal_rescue.noted(data)
    return ([f"the journal is damaged ({why}): {journal_rescue.MEANING}"] if why else []) + [
        f"the journal was damaged and another one begun: look at {name}, then move it out of the data directory"
        for name in journal_rescue.aside_in(data)
    ]


def _registrations(active: Child | None, now_s: float) -> Message:
    """Trunk -> whether its registrar sends us calls, for how long, and what went wrong last."""
    told = active.registrations if active is not None else {}
    return {
        trunk: {"registered": until_s > now_s, "for_s": max(0, round(until_s - now_s)), "why": str(each.get("why", ""))}
        for trunk, each in told.items()
        if isinstance(until_s := each.get("until_s"), int | float)
    }


def _work(active: Child | None) -> Message:
    """How many items wait: `pending` for the node itself, the others for a person."""
    return dict(active.work) if active is not None else {}


def _media(child: Child | None) -> Message | None:
    return {"pid": child.process.pid, "scheduling": scheduling_of(child.process.pid)} if child is not None else None


def _pid(child: Child | None) -> Message | None:
    return {"pid": child.process.pid} if child is not None else None

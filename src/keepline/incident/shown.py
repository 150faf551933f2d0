"""Incidents and the mode in the words that people are told: names and figures, nothing else."""

from keepline.incident.book import IncidentBook
from keepline.incident.modes import mode_now
from keepline.incident.state import Incident


def incident_told(incident: Incident) -> dict[str, object]:
    """One incident, as JSON has it."""
    opened, closed = incident.opened, incident.closed
    return {
        "id": incident.id,
        "kind": incident.kind,
        "cause": incident.cause,
        "severity": int(incident.severity),
        "worst": int(incident.worst),
        "phase": incident.phase.value,
        "capabilities": list(incident.capabilities),
        "paths": list(incident.paths),
        "customers": incident.customers,
        "detectors": list(incident.detectors),
        "evidence": incident.evidence,
        "exercise": incident.exercise,
        "opened_by": opened.by,
        "commander": incident.commander,
        "offered_to": incident.offered_to,
        "since": opened.since_s,
        "opened_at": opened.at_s,
        "taken_at": incident.taken_at_s,
        "mitigated_at": incident.mitigated_at_s,
        "cleared_at": incident.cleared_at_s,
        "restored_at": incident.restored_at_s,
        "closed_at": incident.closed_at_s,
        "closed_by": closed.by if closed is not None else "",
        "closed_why": closed.why if closed is not None else "",
        "overrode": closed.overrode if closed is not None else "",
        "gate": incident.gate.stage.value,
        "share": incident.gate.share,
        "gate_why": incident.gate.why,
    }


def mode_told(book: IncidentBook, now_s: float) -> dict[str, object]:
    """The mode, as JSON has it."""
    wanted = book.set_mode(now_s)
    mode, why = mode_now(book.open, wanted)
    return {
        "mode": mode.value,
        "why": why,
        "set_by": wanted.by if wanted is not None else "",
        "until": wanted.until_s if wanted is not None else None,
    }

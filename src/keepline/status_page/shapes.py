"""What the page says as JSON, in the shape of the published Statuspage API v2, and as an Atom feed (RFC 4287).

So what watches a Statuspage watches this one too. Ids are those of the incidents; an exercise's name says what it is.
"""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from keepline.model.messages import MONITORING
from keepline.status_page.published import DESCRIPTIONS, PageFacts, PageIncident, Published

FEED_ENTRIES = 50


def moment(at_s: float) -> str:
    """RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def id_of(*words: str) -> str:
    """Twelve letters and digits that follow from the words, as Statuspage's ids are."""
    return blake2b("\0".join(words).encode(), digest_size=6).hexdigest()


def documents(facts: PageFacts, published: Published, now_s: float) -> dict[str, dict[str, Any]]:
    """Each file below `api/v2`, by its name."""
    page = {
        "id": id_of(facts.title), "name": facts.title, "url": facts.url, "time_zone": "Etc/UTC",
        "updated_at": moment(max((each.updated_at_s for each in published.incidents), default=now_s)),
    }  # fmt: skip
    status = {"indicator": published.indicator, "description": DESCRIPTIONS[published.indicator]}
    components = [
        _component(facts, published, name, position, now_s) for position, name in enumerate(facts.components, 1)
    ]
    everything = [_incident(facts, each) for each in published.incidents]
    unresolved = [_incident(facts, each) for each in published.open]
    return {
        "status": {"page": page, "status": status},
        "components": {"page": page, "components": components},
        "incidents": {"page": page, "incidents": everything},
        "incidents/unresolved": {"page": page, "incidents": unresolved},
        "scheduled-maintenances": {"page": page, "scheduled_maintenances": []},
        "summary": {
            "page": page, "components": components, "incidents": unresolved, "scheduled_maintenances": [],
            "status": status,
        },
    }  # fmt: skip


def _component(facts: PageFacts, published: Published, name: str, position: int, now_s: float) -> dict[str, Any]:
    changed = max((e.updated_at_s for e in published.incidents if name in e.components), default=now_s)
    return {
        "id": id_of(facts.title, name), "name": name, "status": published.state_of(name), "created_at": moment(changed),
        "updated_at": moment(changed), "position": position, "description": None, "showcase": False, "start_date": None,
        "group_id": None, "page_id": id_of(facts.title), "group": False, "only_show_if_degraded": False,
    }  # fmt: skip


def _incident(facts: PageFacts, incident: PageIncident) -> dict[str, Any]:
    watched = next((each.at_s for each in incident.updates if each.status == MONITORING), None)
    return {
        "id": incident.id, "name": incident.name, "status": incident.status,
        "created_at": moment(incident.created_at_s), "updated_at": moment(incident.updated_at_s),
        "monitoring_at": None if watched is None else moment(watched),
        "resolved_at": None if incident.resolved_at_s is None else moment(incident.resolved_at_s),
        "impact": "none" if incident.exercise else incident.impact, "shortlink": _link(facts, incident),
        "started_at": moment(incident.created_at_s), "page_id": id_of(facts.title),
        "incident_updates": [
            {
                "id": id_of(each.message), "status": each.status, "body": each.text, "incident_id": incident.id,
                "created_at": moment(each.at_s), "updated_at": moment(each.at_s), "display_at": moment(each.at_s),
                "affected_components": None, "deliver_notifications": True, "custom_tweet": None, "tweet_id": None,
            }
            for each in reversed(incident.updates)
        ],
        "components": [{"id": id_of(facts.title, name), "name": name} for name in incident.components],
        "reminder_intervals": None,
    }  # fmt: skip


def _link(facts: PageFacts, incident: PageIncident) -> str:
    return f"{facts.url}/history#{incident.id}"


def feed(facts: PageFacts, published: Published, now_s: float) -> str:
    """The latest updates, the newest first."""
    told = [(update, incident) for incident in published.incidents for update in incident.updates]
    told.sort(key=lambda each: -each[0].at_s)
    updated_s = told[0][0].at_s if told else now_s
    entries = "".join(
        f"<entry><id>tag:keepline,2026:{id_of(incident.id, update.message)}</id>"
        f"<title>{escape(update.name)} ({update.status})</title><updated>{moment(update.at_s)}</updated>"
        f'<link href={quoteattr(_link(facts, incident))}/><content type="text">{escape(update.text)}</content>'
        "</entry>\n"
        for update, incident in told[:FEED_ENTRIES]
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>tag:keepline,2026:{id_of(facts.title)}</id><title>{escape(facts.title)}</title>"
        f"<updated>{moment(updated_s)}</updated><author><name>{escape(facts.title)}</name></author>"
        f'<link rel="self" href={quoteattr(facts.url + "/history.atom")}/>\n{entries}</feed>\n'
    )

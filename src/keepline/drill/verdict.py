"""Why a run of a drill is not passed, in sentences for whoever has to mend it. Pure: a run's journal in, reasons out.

A drill that shows nothing is not passed either: where the node noticed nothing, nobody may have met what was broken.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

BUSY_SHARE: Final = 0.95
"""From here on a machine has no time left, and what is late on it says little of the node."""
SAID_OF_EACH_MAX: Final = 3


def reasons(journal: Mapping[str, Any]) -> list[str]:
    """All of them, of a run that came to its end; none where it is passed."""
    card = journal["card"]
    found = [*_of_callers(journal, card), *_of_the_node(journal, card)]
    busy = float(card.get("machine_busy") or 0.0)
    if found and busy >= BUSY_SHARE:
        found.append(f"this machine had no time left, {busy:.0%} of it was busy: run it again when it is idle")
    return found


def unsteady(journal: Mapping[str, Any], when: str) -> list[str]:
    """What of the steady state did not hold, `before` or `after`."""
    probes = (journal["steady_states"].get(when) or {"probes": []})["probes"]
    return [f"{each['name'].replace('-', ' ')}: {each['value']}" for each in probes if not each["held"]]


def _of_callers(journal: Mapping[str, Any], card: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"the steady state did not hold again: {words}" for words in unsteady(journal, "after"))
    if card["lost"]:
        yield f"{_many(card['lost'], 'customer')} gave up without what they wanted"
    failed = card["failed_on_a_healthy_carrier"]
    if failed:
        first = "; ".join(card.get("failures", ())[:SAID_OF_EACH_MAX])
        yield f"{_many(failed, 'call')} failed that no carrier kept: {first}"
    if not card["agreed"]:
        first, *more = str(card["comparison"]).splitlines() or [""]
        yield f"callers, carriers, records and ledger disagree: {first}" + (" and more" if len(more) > 1 else "")


def _of_the_node(journal: Mapping[str, Any], card: Mapping[str, Any]) -> Iterator[str]:
    if card["detected"] is False:
        yield f"the node did not notice that {journal['detects']} was unwell: too few may have come by it to tell"
    for incident in card.get("incidents", ()):
        name = f"{incident['id']} ({incident['cause']})"
        if incident["exercise"] != journal["drill"]:
            yield f"{name} is not marked as an exercise"
        if incident["restored_at"] is None:
            within = f"within {card['waited_for_the_return_s']:g} s"
            yield f"{name} did not come back {within}: {incident['gate_why'] or incident['evidence']}"
    if journal["rollback_verified"] is False:
        yield f"the rollback is not verified: {'; '.join(journal.get('left', ()))}"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"

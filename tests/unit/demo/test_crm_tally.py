"""The score card of a CRM outage: what is counted, and what breaks the steady state."""

from typing import Any

import pytest

from keepline.demo_crm_tally import REACHED, CrmAccounts, card_of, lines_of, steady_state


def step(name: str, result: str, took_ms: float = 20.0, at: float = 100.0) -> dict[str, Any]:
    return {"name": name, "result": result, "took_ms": took_ms, "at": at}


def one(number: int, persona: str, outcome: str, *steps: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a caller tells, and its record."""
    told = {"call_id": f"c{number}", "persona": persona, "how": "done", "where": ""}
    return told, {
        "sip_call_id": f"c{number}",
        "outcome": outcome,
        "steps": list(steps),
        "ended_by": "flow",
        "reason": "BYE",
    }


COPIED = "done: from a copy 12 s old"
CALLS = [
    one(0, "order", "order_status", step("use orders.find", "done")),
    one(1, "order", "order_status", step("use orders.find", COPIED, 1002.0, at=200.5)),
    one(2, "book", "wish", step("use appointments.wish", "promised: away")),
    one(3, "cancel", "cancelled", step("use appointments.cancel", "done")),
    one(4, "lead", "lead", step("use leads.add", "promised: away"), step("use messages.leave", "promised: away")),
    one(5, "pay", "pay_later", step("use billing.invoice", COPIED), step("use messages.leave", "promised: away")),
]


def card(calls: list[tuple[dict[str, Any], dict[str, Any]]] = CALLS, *, kept: int = 0, agreed: bool = True) -> Any:
    told, records = [each for each, _ in calls], [each for _, each in calls]
    return card_of(CrmAccounts(told, records, kept, agreed, "6 callers, 6 call records: all agree.", killed_at=200.0))


def test_what_is_counted() -> None:
    found = card()
    assert (found["calls"], found["reads"], found["reads_unavailable"], found["promised"]) == (6, 3, 0, 4)
    assert (found["longest_read_s"], found["longest_read_after_the_kill_s"]) == (1.0, 1.0)
    assert {name: flow["reached"] for name, flow in found["flows"].items()} == dict.fromkeys(REACHED, 1.0)
    assert found["flows"]["order"] == {"calls": 2, "reached": 1.0, "from_a_copy": 0.5, "promised": 0.0}
    assert found["flows"]["lead"]["promised"] == 1.0
    assert all(steady_state(found, found).values())
    text = "\n".join(lines_of(found, found))
    assert "3 questions that the copy has, 0 unanswered" in text
    assert "NO " not in text


UNHEARD = one(6, "order", "promised", step("use orders.find", "unavailable: no answer in time"))


@pytest.mark.parametrize(
    ("hurt", "calm", "broken"),
    [
        (card([*CALLS, UNHEARD]), None, "nobody heard that we cannot look up what the copy has"),
        (card(kept=1), None, "every change that a caller was told of is in the CRM exactly once"),
        (card(agreed=False), None, "every change that a caller was told of is in the CRM exactly once"),
        (card(CALLS[:1]), None, "there was an outage: answers from a copy, and promises"),
        (card(), card(CALLS[:1]), "outcomes of every flow are within 2 % of those without the outage"),
        (card(), card(agreed=False), "the same callers without the outage: nothing wrong"),
    ],
)
def test_what_breaks_it(hurt: dict[str, Any], calm: dict[str, Any] | None, broken: str) -> None:
    assert not steady_state(hurt, calm)[broken]
    assert f"NO   {broken}" in "\n".join(lines_of(hurt, calm)).replace("NO  ", "NO  ")


def test_a_question_that_nobody_answered_is_named_with_when_and_why() -> None:
    found = card([*CALLS, one(6, "order", "promised", step("use orders.find", "unavailable: it is full", 5010, 201.5))])
    assert found["unanswered"] == ["use orders.find, begun +1.5 s from the kill, 5.01 s: unavailable: it is full"]
    assert f"  - {found['unanswered'][0]}" in lines_of(found, None)


def test_whose_call_went_wrong_is_named() -> None:
    told, record = one(7, "pay", "")
    found = card([*CALLS, (told | {"how": "confused", "where": "ask_card"}, record)])
    assert found["went_wrong"] == ["pay: confused ask_card (flow: BYE)"]
    assert found["flows"]["pay"]["reached"] == 0.5
    calm = lines_of(card(), found)
    assert "  - pay: confused ask_card (flow: BYE)" in calm[calm.index(next(x for x in calm if "Without" in x)) :]

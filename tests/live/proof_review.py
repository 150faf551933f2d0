"""Whether a review is right: each figure of it follows from the raw facts, by `proof_figures` alone."""

import json
from collections.abc import Mapping
from typing import Any

from tests.live.proof_figures import COUNTED, ENDS, MINUTE_S, Body, Facts, bill, counted, credit, never_came, sums

PEOPLE = {"callers": "callers", "status_page": "page"}
"""Of audiences that no contact has: how the run is called that tells them."""


def the_review_is_right(review: Body, facts: Facts, incident: str, money: Mapping[str, Any]) -> None:
    """All of it; `money` is that of the operation's file. Raises `AssertionError`."""
    own = [(kind, body) for kind, body in facts if body.get("call") == incident]
    since_s = next(body["since_s"] for kind, body in own if kind == "incident_opened.1")
    until_s = next(body["at_s"] for kind, body in own if kind == "incident_closed.1")
    assert (review["is_final"], review["until"], review["exercise"]) == (True, until_s, "")
    assert review["times"] == {name: round(at - since_s, 3) for name, at in _moments(own).items()}
    _incident_is_right(review["incident"], own)
    _callers_are_right(review, facts, since_s, until_s, money)
    meanwhile = [(kind, body) for kind, body in facts if since_s <= body.get("at_s", 0.0) <= until_s]
    stood = [body for kind, body in meanwhile if kind == "path_stood.1"]
    assert review["paths"] == [
        {"at": each["at_s"]} | {name: each[name] for name in ("path", "condition", "evidence")} for each in stood
    ]
    assert [(each["path"], each["ok"], each["calls"]) for each in review["tests"]] == [
        (body["path"], body["ok"], [body["test"], body["test_in"]]) for kind, body in own if kind == "path_tested.1"
    ]
    steps = _steps(facts)
    told = {each["id"]: each for each in review["playbook"]["steps"] if each["kind"] != "parallel"}
    assert set(told) <= set(steps)
    for name, each in told.items():
        found = steps[name]
        assert (each["state"], each["by"], each["why"]) == (found["state"], found["by"], found["why"]), name
        assert each["ended_at"] == found["at_s"], name
    messages = _messages(facts, incident)
    assert review["messages"] == messages
    approved = [(steps[name]["at_s"], steps[name]["by"]) for name, each in told.items() if each["kind"] == "approve"]
    by_people = [(kind, body) for kind, body in own if kind in ("incident_taken.1", "incident_closed.1")]
    by_people += [each for each in meanwhile if each[0] in ("path_wished.1", "number_asked.1", "mode_set.1")]
    said = [(body["at_s"], body["by"]) for _, body in by_people]
    assert sorted((each["at"], each["by"]) for each in review["decisions"]) == sorted(approved + said)
    moments = [body["at_s"] for _, body in own] + [each["at_s"] for each in stood]
    moments += [body["at_s"] for kind, body in meanwhile if kind == "number_pointed.1"]
    moments += [each["at_s"] for each in steps.values() if each["state"] != "passed over"]
    moments += [each["began_at"] for each in messages]
    assert [each["at"] for each in review["timeline"]] == sorted(moments)
    assert [each["step"] for each in review["steps_left"]] == [
        name for name in told if steps[name]["state"] in ("failed", "left", "timed out")
    ]
    assert [(each["what"], each["owner"], each["due"], each["state"]) for each in review["actions"]] == [
        (body["what"], body["owner"], body["due_s"], "open") for kind, body in own if kind == "action_added.1"
    ]


def _moments(own: Facts) -> dict[str, float]:
    """When it was found, taken, when callers were served again, when all was well again, and its end."""
    found: dict[str, float] = {}
    for kind, body in own:
        at_s, event = body["at_s"], body.get("event")
        if kind == "incident_opened.1":
            found["detect_s"] = at_s
        elif kind == "incident_taken.1":
            found.setdefault("acknowledge_s", at_s)
        elif kind == "incident_moved.1" and event in ("mitigated", "cleared"):
            found.setdefault("mitigate_s", at_s)
        elif kind == "incident_moved.1" and event == "passed":
            found["restore_s"] = at_s
        elif kind == "incident_closed.1":
            found["close_s"] = at_s
    return found


def _incident_is_right(told: Body, own: Facts) -> None:
    """Of what it was, at last and at its worst."""
    stood = [body for kind, body in own if kind in ("incident_opened.1", "incident_changed.1")]
    for name in ("cause", "severity", "customers", "paths", "capabilities"):
        assert told[name] == stood[-1][name], name
    assert told["worst"] == min(each["severity"] for each in stood)
    assert (told["phase"], told["gate"], told["commander"], told["closed_by"]) == ("closed", "passed", "ada", "ada")
    assert told["overrode"] == ""


def _callers_are_right(review: Body, facts: Facts, since_s: float, until_s: float, money: Mapping[str, Any]) -> None:
    """What callers experienced, by the minute, and what that costs, line by line."""
    found = counted(facts, since_s, until_s)
    minutes = [{"at": at} | {name: each[name] for name in COUNTED} for at, each in sorted(found.minutes.items())]
    assert review["minutes"] == [each for each in minutes if each["at"] > since_s - MINUTE_S]
    assert review["customers"] == sum(at_s >= since_s for at_s in found.touched.values())
    estimates = never_came(found, review["incident"]["paths"], since_s, until_s)
    assert (review["unseen"], review["came_elsewhere"]) == estimates
    told, lines = review["money"], bill(found, estimates, money, since_s)
    assert told["currency"] == money["currency"]
    for name, which, total in (("lines", "lost", "total"), ("saved_lines", "saved", "saved")):
        assert told[total] == sums(lines[which])
        assert len(told[name]) == len(lines[which])
        for line, (count, price) in zip(told[name], lines[which], strict=True):
            assert (line["count"], line["why"]) == (count, price["why"])
            assert line["each"] == {end: price[end] for end in ENDS}
            assert line["total"] == {end: round(count * price[end], 2) for end in ENDS}
    owed = {path: credit(facts, path, terms, until_s) for path, terms in money["sla"].items()}
    assert {each["path"]: {name: each[name] for name in owed[each["path"]]} for each in review["sla"]} == owed


def _steps(facts: Facts) -> dict[str, Body]:
    """How each step of a playbook ended, by what its run noted."""
    found = {}
    for kind, body in facts:
        if kind == "run_step_ended.1" and body["verb"] == "log":
            noted = json.loads(body["value"])
            if noted["log"] == "step_ended":
                found[noted["fields"]["step"]] = noted["fields"] | {"at_s": body["at_s"]}
    return found


def _messages(facts: Facts, incident: str) -> list[Body]:
    """The runs that told people, in the order of the messages."""
    sent = [body for kind, body in facts if kind == "message_sent.1" and body["incident"] == incident]
    began = {body["key"]: body for kind, body in reversed(facts) if kind == "run_started.1"}
    ended = {body["call"]: body["ending"] for kind, body in facts if kind == "run_ended.1"}
    found = []
    for each in sent:
        whom = [*each["contacts"], *([PEOPLE[each["audience"]]] if each["audience"] in PEOPLE else [])]
        for name in whom:
            run = began[f"message:{each['message']}:{name}"]
            key = f"{each['stage']}, {each['audience']}: {name}"
            told = {"run": run["call"], "key": key, "began_at": run["at_s"], "ending": ended[run["call"]]}
            found.append(told)
    return found

"""Breaking the glass: offline, once, for half an hour, and loud."""

import re

import pytest

from keepline.desk.people.glass import AT_ONCE, SEALED, broken_glass, open_now, seal, unseal
from keepline.desk.people.records import PeopleRefused
from keepline.model import limits_people as limits
from keepline.model.people import Role
from tests.unit.desk.people.visits import SHELL, Place, Visitor


def breaking(visitor: Visitor, code: str, name: str = "eve", why: str = "nobody answers") -> int:
    return visitor.post("/break-glass", {"code": code, "name": name, "why": why}).status


def test_a_sealed_code_makes_an_admin_for_half_an_hour_and_everybody_reads_it(place: Place) -> None:
    code, other = seal(place.people, SHELL), place.visitor(Role.AGENT)
    visitor = place.visitor()
    assert "Break the glass" in visitor.page("/break-glass").text
    assert breaking(visitor, code, why=" ") == 422
    assert breaking(visitor, code.lower().replace("-", " ")) == 303
    assert visitor.get("/api/people").status == 200
    told = visitor.get("/api/me").json
    assert isinstance(told, dict)
    assert (told["how"], told["until"]) == ("glass", place.clock.now_s + limits.GLASS_S)
    assert "The glass is broken: eve until" in other.page("/account").text
    assert "keepline_glass_broken 1.0" in visitor.get("/metrics").text
    decided = [(each.by, each.action, each.how, each.why) for each in place.people.store.untold(9)]
    assert decided[-1] == ("eve", "glass.break", "glass", "nobody answers")
    assert breaking(place.visitor(), code) == 422, "it was used"
    place.clock.now_s += limits.GLASS_S
    assert visitor.get("/api/people").status == 401
    assert broken_glass(place.people) == ""
    assert 'role="alert" hidden' in other.page("/account").text


def test_it_works_before_there_are_accounts_and_when_the_node_is_away(place: Place) -> None:
    code = seal(place.people, SHELL)
    visitor = place.visitor()
    assert breaking(visitor, code) == 303
    visitor.csrf = re.findall(r'data-csrf="(\w+)"', visitor.page("/people").text)[0]
    assert visitor.send("/api/people", {"name": "ana", "role": "admin"}).status == 201


def test_the_machines_shell_has_a_link_for_five_minutes(place: Place) -> None:
    late = open_now(place.people, SHELL, "locked out")
    place.clock.now_s += limits.GLASS_LINK_S
    assert breaking(place.visitor(), late) == 422
    assert breaking(place.visitor(), open_now(place.people, SHELL, "locked out")) == 303
    assert len(place.people.store.links(AT_ONCE)) == 1


def test_codes_are_few_can_be_voided_and_are_not_guessed(place: Place) -> None:
    codes = [seal(place.people, SHELL) for _ in range(limits.GLASS_CODES_MAX)]
    with pytest.raises(PeopleRefused, match="as many as there may be"):
        seal(place.people, SHELL)
    assert (unseal(place.people, SHELL), place.people.store.links(SEALED)) == (limits.GLASS_CODES_MAX, [])
    visitor = place.visitor()
    assert [breaking(visitor, codes[0]) for _ in range(limits.ADDRESS_FAILURES_FREE)][-1] == 422
    assert breaking(visitor, seal(place.people, SHELL)) == 429

"""The suite that the fake and the real connectors pass alike."""

import pytest

from keepline.flow import Refused, Reply, Unavailable, Unknown
from tests.unit.connectors.connector_suite import CONNECTORS, Shop, asked, run


@pytest.fixture(params=CONNECTORS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_reply_has_the_declared_fields(kind: str) -> None:
    assert run(CONNECTORS[kind](Shop()), asked("status", number="100001")) == [
        Reply({"state": "shipped", "expected": None})
    ]


def test_a_refusal_is_a_value(kind: str) -> None:
    found = run(CONNECTORS[kind](Shop()), asked("status", number="9"))
    assert found == [Refused(404, "order_unknown", "no such order")]


def test_a_renamed_field_is_named(kind: str) -> None:
    [read, change] = run(CONNECTORS[kind](Shop()), asked("spoilt"), asked("spoil"))
    assert read == Unavailable("the answer has no $.state")
    assert change == Unknown("the answer has no $.state")


def test_what_has_one_key_is_done_once(kind: str) -> None:
    shop = Shop()
    found = run(CONNECTORS[kind](shop), asked("book", slot="a"), asked("book", slot="a"))
    assert found == [Reply({"receipt": "a"})] * 2
    assert sum(shop.booked.values()) == 1

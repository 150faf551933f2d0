"""How many TCP connections there may be, and from whom."""

import pytest

from keepline.model import limits
from keepline.sip.connections import ConnectionBook


def filled(count: int, *, is_known: bool, hosts: int) -> ConnectionBook:
    book = ConnectionBook()
    for number in range(count):
        book.add(f"192.0.2.{number % hosts}", is_known=is_known)
    return book


def test_streams_max_is_for_everybody() -> None:
    book = filled(limits.STREAMS_MAX - 1, is_known=True, hosts=200)
    assert book.refusal("198.51.100.1", is_known=True) == ""
    book.add("198.51.100.1", is_known=True)
    for is_known in (True, False):
        assert book.refusal("198.51.100.2", is_known=is_known) == f"there are {limits.STREAMS_MAX} TCP connections"
    book.remove("198.51.100.1", is_known=True)
    assert book.refusal("198.51.100.2", is_known=True) == ""


@pytest.mark.parametrize(
    ("is_known", "limit"), [(True, limits.STREAMS_PER_SOURCE_MAX), (False, limits.STRANGER_STREAMS_PER_SOURCE_MAX)]
)
def test_streams_per_source_max_is_of_each_source(is_known: bool, limit: int) -> None:
    book = filled(limit - 1, is_known=is_known, hosts=1)
    assert book.refusal("192.0.2.0", is_known=is_known) == ""
    book.add("192.0.2.0", is_known=is_known)
    assert book.refusal("192.0.2.0", is_known=is_known) == f"192.0.2.0 has {limit} TCP connections"
    assert book.refusal("192.0.2.1", is_known=is_known) == ""


def test_stranger_streams_max_leaves_room_for_trunks() -> None:
    book = filled(limits.STRANGER_STREAMS_MAX, is_known=False, hosts=limits.STRANGER_STREAMS_MAX)
    assert "of strangers" in book.refusal("198.51.100.1", is_known=False)
    assert book.refusal("198.51.100.1", is_known=True) == ""


def test_nothing_is_remembered_of_connections_that_are_gone() -> None:
    book = filled(30, is_known=False, hosts=30)
    for number in range(30):
        book.remove(f"192.0.2.{number}", is_known=False)
    assert len(book) == 0
    assert not book._by_host

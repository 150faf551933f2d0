"""How many TCP connections there may be, and from whom."""

import pytest

from keepline.model import limits
from keepline.sip.connections import ConnectionBook


def filled(count: int, *, is_trunk: bool, hosts: int) -> ConnectionBook:
    book = ConnectionBook()
    for number in range(count):
        book.add(f"192.0.2.{number % hosts}", is_trunk=is_trunk)
    return book


def test_streams_max_is_for_everybody() -> None:
    book = filled(limits.STREAMS_MAX - 1, is_trunk=True, hosts=200)
    assert book.refusal("198.51.100.1", is_trunk=True) == ""
    book.add("198.51.100.1", is_trunk=True)
    for is_trunk in (True, False):
        assert book.refusal("198.51.100.2", is_trunk=is_trunk) == f"there are {limits.STREAMS_MAX} TCP connections"
    book.remove("198.51.100.1", is_trunk=True)
    assert book.refusal("198.51.100.2", is_trunk=True) == ""


@pytest.mark.parametrize(
    ("is_trunk", "limit"), [(True, limits.STREAMS_PER_SOURCE_MAX), (False, limits.STRANGER_STREAMS_PER_SOURCE_MAX)]
)
def test_streams_per_source_max_is_of_each_source(is_trunk: bool, limit: int) -> None:
    book = filled(limit - 1, is_trunk=is_trunk, hosts=1)
    assert book.refusal("192.0.2.0", is_trunk=is_trunk) == ""
    book.add("192.0.2.0", is_trunk=is_trunk)
    assert book.refusal("192.0.2.0", is_trunk=is_trunk) == f"192.0.2.0 has {limit} TCP connections"
    assert book.refusal("192.0.2.1", is_trunk=is_trunk) == ""


def test_stranger_streams_max_leaves_room_for_trunks() -> None:
    book = filled(limits.STRANGER_STREAMS_MAX, is_trunk=False, hosts=limits.STRANGER_STREAMS_MAX)
    assert "of strangers" in book.refusal("198.51.100.1", is_trunk=False)
    assert book.refusal("198.51.100.1", is_trunk=True) == ""


def test_nothing_is_remembered_of_connections_that_are_gone() -> None:
    book = filled(30, is_trunk=False, hosts=30)
    for number in range(30):
        book.remove(f"192.0.2.{number}", is_trunk=False)
    assert len(book) == 0
    assert not book._by_host

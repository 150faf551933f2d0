"""Ports in words."""

import pytest

from keepline.node.port_words import RANGES_TOLD_MAX, port_words


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ([20000], "20000"),
        ([20000, 20004], "20000, 20004"),
        ([20000, 20002, 20004, 20010], "20000-20004, 20010"),
        ([*range(20000, 20000 + 4 * RANGES_TOLD_MAX, 4), 21000, 21002], "20000, 20004, 20008, 20012 and 2 more"),
    ],
)
def test_neighbours_are_a_range_and_many_are_counted(ports: list[int], words: str) -> None:
    assert port_words(ports) == words

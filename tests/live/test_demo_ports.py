"""Ports for what runs side by side: nobody gets what another one has, until that one ends."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from keepline.demo_ports import BLOCK_PORTS, PORTS_FROM, PORTS_TO, NoPortsError, give_back_ports, take_port, take_ports

TAKER = "import sys; from keepline.demo_ports import take_ports; print(*take_ports(200), flush=True); sys.stdin.read()"
WITHIN_S = 60


def test_processes_that_begin_at_once_get_ports_of_their_own() -> None:
    takers = [
        subprocess.Popen([sys.executable, "-c", TAKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    try:
        with ThreadPoolExecutor() as pool:
            lines = list(pool.map(lambda taker: taker.stdout.readline(), takers))  # type: ignore[union-attr]
        ranges = sorted(tuple(map(int, line.split())) for line in lines)
        assert all(last - first == 199 and first % 2 == 0 for first, last in ranges)
        assert all(before[1] < after[0] for before, after in pairwise(ranges))
        assert ranges[0][0] >= PORTS_FROM
        assert ranges[-1][1] < PORTS_TO
    finally:
        for taker in takers:
            taker.communicate(timeout=WITHIN_S)


def test_ports_are_held_until_they_are_given_back() -> None:
    first, _ = take_ports(BLOCK_PORTS + 1)
    other, _ = take_ports(1)
    assert not first <= other < first + 2 * BLOCK_PORTS
    give_back_ports(first)
    give_back_ports(first)
    again, _ = take_ports(BLOCK_PORTS + 1)
    assert again == first
    for each in (again, other):
        give_back_ports(each)


def test_a_port_that_somebody_uses_is_left_out() -> None:
    first, _ = take_ports(2)
    give_back_ports(first)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", first))
        elsewhere, _ = take_ports(2)
        assert elsewhere != first
        give_back_ports(elsewhere)


def test_more_than_there_are_is_an_error_that_says_so() -> None:
    with pytest.raises(NoPortsError, match="no 30000 free ports in a row from 12000 to 32000"):
        take_ports(30_000)


def test_a_single_port_is_given_once_and_never_one_that_is_in_use() -> None:
    first, second = take_port(), take_port()
    assert second > first
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", second + 1))
        assert take_port() > second + 1

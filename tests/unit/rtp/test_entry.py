"""Private entries of keys: when one is over, what it is worth, what comes after it, and that it is overwritten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.model.limits import SECRET_AHEAD_MAX, SECRET_COUNT_MAX
from keepline.rtp.entry import CELL_BYTES, Entry, EntryState

CARD = "4111111111111111"


def made(cell: bytearray | None = None, **how: object) -> Entry:
    return Entry(1, 1, bytearray(CELL_BYTES) if cell is None else cell, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "state", "read", "ahead"),
    [
        ("12", EntryState.OPEN, "", ""),
        ("123", EntryState.OPEN, "", ""),
        ("1234", EntryState.ANSWERED, "1234", ""),
        ("12345", EntryState.ANSWERED, "1234", "5"),
        ("123#", EntryState.ANSWERED, "123", ""),
        ("123#7", EntryState.ANSWERED, "123", "7"),
        ("1234#7", EntryState.ANSWERED, "1234", "7"),
        ("1234##", EntryState.ANSWERED, "1234", "#"),
        ("12#", EntryState.TOO_SHORT, "", ""),
        ("#", EntryState.TOO_SHORT, "", ""),
        ("12#9", EntryState.TOO_SHORT, "", "9"),
    ],
)
def test_an_entry_is_over_with_its_last_key(keys: str, state: EntryState, read: str, ahead: str) -> None:
    entry = made(count_max=4, min_count=3, terminator="#")
    entry.take(keys.encode())
    assert (entry.state, entry.read().decode(), entry.ahead().decode()) == (state, read, ahead)


@pytest.mark.parametrize(
    ("keys", "state"), [("", EntryState.NO_INPUT), ("12", EntryState.TOO_SHORT), ("123", EntryState.ANSWERED)]
)
def test_an_entry_is_over_with_its_time(keys: str, state: EntryState) -> None:
    entry = made(count_max=4, min_count=3, terminator="#")
    entry.take(keys.encode())
    entry.end()
    assert entry.state is state
    entry.end()
    assert entry.state is state


@pytest.mark.parametrize("number", [CARD, "5500005555555559", "378282246310005", "6011000990139424"])
def test_card_numbers_have_a_check_digit(number: str) -> None:
    for digits, state in ((number, EntryState.ANSWERED), (number[:-1] + str((int(number[-1]) + 1) % 10), None)):
        entry = made(count_max=len(number), check="luhn")
        entry.take(digits.encode())
        assert entry.state is (state or EntryState.INVALID)


@pytest.mark.parametrize(
    ("keys", "passes"),
    [("0127", True), ("1230", True), ("1330", False), ("0030", False), ("1*30", False), ("123", False)],
)
def test_the_month_of_an_expiry_is_one(keys: str, passes: bool) -> None:
    entry = made(count_max=4, check="expiry")
    entry.take(keys.encode())
    entry.end()
    assert (entry.state is EntryState.ANSWERED) is passes


def test_what_is_no_answer_is_not_read() -> None:
    entry = made(count_max=16, check="luhn")
    entry.take(b"4111111111111112")
    assert entry.state is EntryState.INVALID
    assert entry.read() == b""


def test_a_lost_entry_takes_nothing() -> None:
    cell = bytearray(CELL_BYTES)
    entry = made(cell, state=EntryState.LOST)
    entry.take(b"4111")
    entry.end()
    assert (entry.state, bytes(cell), entry.ahead()) == (EntryState.LOST, bytes(CELL_BYTES), b"")


@given(st.text("0123456789*#", max_size=SECRET_COUNT_MAX + SECRET_AHEAD_MAX + 20), st.integers(1, SECRET_COUNT_MAX))
def test_no_key_leaves_its_cell_and_none_stays_in_it(keys: str, count: int) -> None:
    cell = bytearray(CELL_BYTES)
    entry = made(cell, count_max=count, terminator="#")
    entry.take(keys.encode())
    assert len(entry.ahead()) <= SECRET_AHEAD_MAX
    entry.wipe(keeps_entry=True)
    assert bytes(cell[entry.length :]) == bytes(CELL_BYTES - entry.length)
    assert entry.ahead() == b""
    entry.wipe()
    assert bytes(cell) == bytes(CELL_BYTES)
    assert entry.read() == b""


def test_so_many_keys_are_kept_for_the_next_entry() -> None:
    entry = made(count_max=1)
    entry.take(b"1" + b"2" * (SECRET_AHEAD_MAX + 1))
    assert entry.ahead() == b"2" * SECRET_AHEAD_MAX

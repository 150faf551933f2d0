"""RTCP: reports written and read, hostile ones refused, times and intervals. RFC 3550 §6, A.2, A.3, A.7."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.rtp.rtcp import (
    ReportBlock,
    Sending,
    fraction_lost,
    interval_s,
    middle,
    ntp_time,
    pack_compound,
    parse_compound,
    round_trip_s,
)

u8, u32 = st.integers(0, 255), st.integers(0, 0xFFFFFFFF)
blocks = st.builds(ReportBlock, u32, u8, st.integers(-0x800000, 0x7FFFFF), u32, u32, u32, u32)
BLOCK = ReportBlock(7, 64, -3, 70_000, 12, 0x10000, 0x8000)
SENDING = Sending(ntp_time(1_700_000_000.5), 1234, 50, 8000)


@given(u32, st.none() | st.just(SENDING), st.lists(blocks, max_size=31), st.text(max_size=300), st.booleans())
def test_rfc3550_6_4_reports_come_back(
    ssrc: int, sending: Sending | None, told: list[ReportBlock], cname: str, goodbye: bool
) -> None:
    data = pack_compound(ssrc, sending, told, cname, goodbye=goodbye)
    assert len(data) % 4 == 0
    (report,) = parse_compound(data) or []
    assert (report.ssrc, report.ntp) == (ssrc, sending.ntp if sending else 0)
    assert list(report.blocks) == told


def test_rfc3550_6_1_a_compound_begins_with_a_report_and_names_its_source() -> None:
    data = pack_compound(0x01020304, SENDING, [BLOCK], "ab", goodbye=True)
    first, kind, words, ssrc = struct.unpack_from("!BBHI", data)
    assert (first, kind, words, ssrc) == (0x81, 200, 12, 0x01020304)
    at = 4 * (words + 1)
    assert data[at : at + 4] == b"\x81\xca\x00\x03"
    assert data[at + 8 : at + 16] == b"\x01\x02ab\0\0\0\0"
    assert data[at + 16 :] == b"\x81\xcb\x00\x01\x01\x02\x03\x04"


def test_rfc3550_6_4_2_who_sends_nothing_reports_as_receiver() -> None:
    assert pack_compound(1, None, [], "x")[:8] == b"\x80\xc9\x00\x01\0\0\0\x01"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:7],
        lambda data: b"\x40" + data[1:],
        lambda data: b"\xa1" + data[1:],
        lambda data: data[:1] + b"\xca" + data[2:],
        lambda data: data[:2] + b"\xff\xff" + data[4:],
        lambda data: data[:2] + b"\x00\x02" + data[4:],
        lambda data: b"\x9f" + data[1:],
        lambda data: data + b"\0\0\0",
        lambda data: data + b"\x80",
        lambda data: data + b"\x00\xc9\x00\x00",
    ],
)
def test_rfc3550_a_2_what_is_not_valid_throughout_is_refused(spoil: "callable[[bytes], bytes]") -> None:  # type: ignore[valid-type]
    assert parse_compound(spoil(pack_compound(1, SENDING, [BLOCK], "c"))) is None  # type: ignore[misc]


def test_rfc3550_6_6_a_goodbye_without_sources_may_be_four_bytes() -> None:
    assert parse_compound(pack_compound(1, None, [BLOCK], "c") + b"\x80\xcb\x00\x00") is not None


@given(st.binary(max_size=300))
def test_rfc3550_a_2_any_bytes_are_harmless(data: bytes) -> None:
    parse_compound(data)


@given(st.data())
def test_rfc3550_a_2_a_report_with_any_byte_changed_is_harmless(data: st.DataObject) -> None:
    good = bytearray(pack_compound(1, SENDING, [BLOCK, BLOCK], "name", goodbye=True))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(u8)
    parse_compound(bytes(good[: data.draw(st.integers(0, len(good)))]))


@pytest.mark.parametrize(
    ("expected", "received", "fraction"),
    [(0, 0, 0), (100, 100, 0), (100, 75, 64), (100, 0, 255), (100, 120, 0), (-3, 1, 0)],
)
def test_rfc3550_a_3_fraction_lost(expected: int, received: int, fraction: int) -> None:
    assert fraction_lost(expected, received) == fraction


def test_rfc3550_4_ntp_time() -> None:
    assert ntp_time(0.5) == 2_208_988_800 << 32 | 1 << 31
    assert middle(0x1122334455667788) == 0x33445566


def test_rfc3550_6_4_1_the_round_trip_of_figure_2() -> None:
    # The RFC's own figures: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000, 6.125 s.
    block = ReportBlock(1, 0, 0, 0, 0, 0xB7052000, 0x00054000)
    assert round_trip_s(0xB7108000 << 16, block) == 6.125


@pytest.mark.parametrize(("last_report", "delay"), [(0, 0), (0xB7108000, 0x10000), (0xB7108000 - 31 * 65_536, 0)])
def test_rfc3550_6_4_1_a_round_trip_that_makes_no_sense_is_none(last_report: int, delay: int) -> None:
    assert round_trip_s(0xB7108000 << 16, ReportBlock(1, 0, 0, 0, 0, last_report, delay)) is None


@given(u32, st.integers(0, 1_000_000))
def test_rfc3550_6_2_intervals_are_random_and_repeatable(ssrc: int, number: int) -> None:
    found = interval_s(ssrc, number)
    scale = 1.0 if number else 0.5
    assert scale * 2.5 / 1.21828 <= found <= scale * 7.5 / 1.21828
    assert found == interval_s(ssrc, number)


def test_rfc3550_6_2_intervals_are_spread_evenly() -> None:
    found = [interval_s(ssrc * 7919, number) for ssrc in range(100) for number in range(1, 21)]
    assert sum(found) / len(found) == pytest.approx(5 / 1.21828, rel=0.03)
    assert len(set(found)) > 1_990

"""How many unwanted messages are answered, and how many lines the log has of them."""

from keepline.model.limits import METERED_SOURCES_MAX
from keepline.sip.source_meter import OTHERS, PerSecond, SourceMeter, SourceReport

A, B = "198.51.100.1", "198.51.100.2"


def test_so_many_a_second_to_one_source() -> None:
    meter = SourceMeter(3, 100)
    assert [meter.answers(10.0 + index / 10, A) for index in range(5)] == [True, True, True, False, False]
    assert meter.answers(10.9, B)
    assert meter.answers(11.0, A)


def test_so_many_a_second_to_all_together() -> None:
    meter = SourceMeter(3, 4)
    given = [meter.answers(10.0, f"198.51.100.{index}") for index in range(6)]
    assert given == [True] * 4 + [False] * 2
    assert meter.answers(11.0, A)


def test_a_source_that_used_up_its_second_goes_unread_until_the_next() -> None:
    meter = SourceMeter(2, 100)
    assert not meter.silences(10.0, A)
    meter.answers(10.0, A)
    assert not meter.silences(10.1, A)
    meter.answers(10.2, A)
    assert meter.silences(10.3, A)
    assert not meter.silences(10.3, B)
    assert not meter.silences(11.0, A)


def test_one_line_a_minute_with_what_was_seen_since() -> None:
    meter = SourceMeter(2, 100)
    meter.answers(10.0, A)
    assert meter.reports(10.0) == [SourceReport(A, 1, "")]
    for index in range(100):
        if not meter.silences(10.5 + index / 2, A):
            meter.answers(10.5 + index / 2, A)
    assert meter.reports(60.0) == []
    meter.answers(70.0, A)
    assert meter.reports(70.0) == [SourceReport(A, 101, "")]
    assert meter.reports(71.0) == []


def test_what_was_seen_of_a_source_gone_quiet_is_said_when_its_minute_is_over_and_then_it_is_forgotten() -> None:
    meter = SourceMeter(2, 100)
    for _ in range(5):
        meter.answers(10.0, A)
    assert meter.reports(10.0) == [SourceReport(A, 1, "")]
    assert meter.report_due_s == 70.0
    assert meter.reports(69.9) == []
    assert meter.reports(70.0) == [SourceReport(A, 4, "")]
    assert len(meter) == 1
    assert meter.reports(130.0) == []
    assert len(meter) == 0
    assert meter.report_due_s == float("inf")


def test_a_flood_of_forged_sources_makes_a_bounded_table_and_a_bounded_log() -> None:
    meter = SourceMeter(5, 50)
    answered = 0
    lines = 0
    for index in range(20_000):
        now_s = 100.0 + index / 1000
        host = f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}"
        if not meter.silences(now_s, host):
            answered += meter.answers(now_s, host)
        lines += len(meter.reports(now_s))
    assert len(meter) == METERED_SOURCES_MAX + 1
    assert lines == METERED_SOURCES_MAX + 1
    assert answered <= 50 * 20
    said = {report.source: report.count for report in meter.reports(400.0)}
    assert said[OTHERS] == 20_000 - METERED_SOURCES_MAX - 1


def test_an_ipv6_subscriber_is_one_source_and_a_mapped_address_is_its_ipv4_one() -> None:
    meter = SourceMeter(1, 100)
    assert meter.answers(10.0, "2001:db8:1:2::1")
    assert not meter.answers(10.0, "2001:db8:1:2:ffff::9%eth0")
    assert meter.answers(10.0, "2001:db8:1:3::1")
    assert meter.answers(10.0, A)
    assert not meter.answers(10.0, f"::ffff:{A}")
    assert [report.source for report in meter.reports(10.0)] == ["2001:db8:1:2::/64", "2001:db8:1:3::/64", A]


def test_a_line_has_the_note_of_the_latest_message() -> None:
    meter = SourceMeter(1, 100)
    meter.answers(10.0, A, "first")
    meter.answers(11.0, A, "second")
    meter.answers(12.0, A, "third")
    assert [report.note for report in meter.reports(12.0)] == ["first"]
    assert [report.note for report in meter.reports(70.0)] == ["third"]


def test_a_limit_a_second() -> None:
    limit = PerSecond(2)
    assert [limit.take(now_s) for now_s in (1.0, 1.5, 1.9, 2.0, 2.1, 2.2)] == [True, True, False, True, True, False]

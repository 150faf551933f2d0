"""Headers: order, names, lists."""

from keepline.sip.message import Headers
from tests.spec.sip_messages import request


def headers() -> Headers:
    return Headers([("via", "a"), ("Subject", "s"), ("v", "b, c"), ("x-foo-BAR", "1")])


def test_lines_keep_their_order_under_canonical_names() -> None:
    assert headers().items() == [("Via", "a"), ("Subject", "s"), ("Via", "b, c"), ("X-Foo-Bar", "1")]
    assert len(headers()) == 4


def test_get_is_the_first_line_and_get_all_every_element() -> None:
    assert headers().get("VIA") == "a"
    assert headers().get_all("via") == ["a", "b", "c"]
    assert headers().get("X-FOO-bar") == "1"
    assert headers().get("To") is None
    assert headers().get("To", "") == ""
    assert headers().get_all("To") == []
    assert "subject" in headers()
    assert "To" not in headers()


def test_a_field_that_is_no_list_keeps_its_commas() -> None:
    assert Headers([("Date", "Sat, 13 Nov 2010")]).get_all("Date") == ["Sat, 13 Nov 2010"]


def test_empty_elements_are_none() -> None:
    assert Headers([("Supported", ""), ("Supported", "timer,, path")]).get_all("Supported") == ["timer", "path"]


def test_set_leaves_one_line_where_the_first_stood() -> None:
    changed = headers()
    changed.set("Via", "z")
    changed.set("To", "t")
    assert changed.items() == [("Via", "z"), ("Subject", "s"), ("X-Foo-Bar", "1"), ("To", "t")]
    assert changed.get("Via") == "z"


def test_set_first_leaves_the_others() -> None:
    changed = headers()
    changed.set_first("Via", "z")
    assert changed.get_all("Via") == ["z", "b", "c"]


def test_remove_drops_every_line() -> None:
    changed = headers()
    changed.remove("v")
    changed.remove("To")
    assert changed.items() == [("Subject", "s"), ("X-Foo-Bar", "1")]
    assert changed.get("Via") is None


def test_a_copy_is_independent() -> None:
    changed = headers().copy()
    changed.remove("Via")
    assert headers() != changed
    assert headers() == headers()


def test_a_changed_header_is_read_anew() -> None:
    message = request()
    assert message.top_via.host == "192.0.2.1"
    message.headers.set("Via", "SIP/2.0/UDP other.example.com")
    assert message.top_via.host == "other.example.com"
    message.headers.set("To", "<sip:x@example.com>;tag=9")
    assert message.to.tag == "9"

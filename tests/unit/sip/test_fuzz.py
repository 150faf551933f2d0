"""Whatever a peer sends, a reader of it gives a value or a PeerError, never anything else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from keepline.model.errors import PeerError
from keepline.sip.message import parse_name_addr, parse_uri, parse_via
from tests.fuzz.targets import WORDS, exchange_seeds, message_seeds, read_description, read_message, step_exchange
from tests.spec.sip_messages import SDP

quick = settings(deadline=None, database=None, derandomize=True, max_examples=300)


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A proper text with a few pieces cut out, put in or doubled."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.sampled_from(WORDS), st.binary(max_size=4), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


@quick
@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_peer_error(data: bytes) -> None:
    read_message(data)


@quick
@given(damaged(message_seeds()))
def test_a_damaged_message_is_a_message_or_a_peer_error(data: bytes) -> None:
    read_message(data)


@quick
@given(st.binary(max_size=300))
def test_any_bytes_are_a_description_or_a_peer_error(data: bytes) -> None:
    read_description(data)


@quick
@given(damaged([SDP]))
def test_a_damaged_description_is_a_description_or_a_peer_error(data: bytes) -> None:
    read_description(data)


@settings(quick, max_examples=100)
@given(damaged(exchange_seeds()))
def test_an_exchange_meets_no_bug_whatever_comes(data: bytes) -> None:
    step_exchange(data)


@quick
@given(st.text(max_size=60))
def test_any_text_is_a_value_or_a_peer_error(text: str) -> None:
    for read in (parse_uri, parse_name_addr, parse_via):
        for prefix in ("", "sip:", "<sip:", '"', "SIP/2.0/UDP a;"):
            try:
                assert str(read(prefix + text))
            except PeerError:
                continue


@quick
@given(st.text(alphabet='ab1%@:;?&=+$,/.-_ é"<>', max_size=20))
def test_a_uri_that_was_read_is_written_so_that_it_reads_the_same(text: str) -> None:
    try:
        uri = parse_uri(f"sip:{text}@example.com")
    except PeerError:
        return
    assert parse_uri(str(uri)) == uri

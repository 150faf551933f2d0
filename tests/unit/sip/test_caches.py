"""What is read once and kept: bounded in count and in size, and never a failure."""

import pytest

from keepline.model import operation
from keepline.model.errors import PeerError
from keepline.model.limits import PROMPT_KEYS_CACHED_MAX, SIP_CACHED_CHARS_MAX, SIP_VALUES_CACHED_MAX
from keepline.model.operation import Prompt
from keepline.sip import hosts, sdp, values
from keepline.sip.values import parse_name_addr, parse_uri


def test_addresses_and_uris_are_kept_up_to_the_limit() -> None:
    for number in range(SIP_VALUES_CACHED_MAX + 10):
        parse_name_addr(f"<sip:{number}@example.com>")
        parse_uri(f"sip:{number}@example.com")
    for cache in (values._known_name_addr, values._known_uri):
        assert cache.cache_info().currsize == SIP_VALUES_CACHED_MAX
    assert parse_uri("sip:7@example.com") is parse_uri("sip:7@example.com")


def test_long_ones_are_read_and_not_kept() -> None:
    text = "sip:" + "x" * SIP_CACHED_CHARS_MAX + "@example.com"
    kept = values._known_uri.cache_info().currsize
    assert parse_uri(text) == parse_uri(text)
    assert parse_uri(text) is not parse_uri(text)
    assert parse_name_addr(f"<{text}>").uri == text
    assert values._known_uri.cache_info().currsize == kept


def test_names_of_prompts_are_kept_up_to_the_limit_and_stay_apart() -> None:
    keys = {Prompt(text=str(number)).key for number in range(PROMPT_KEYS_CACHED_MAX + 10)}
    assert len(keys) == PROMPT_KEYS_CACHED_MAX + 10
    assert operation._prompt_key.cache_info().currsize == PROMPT_KEYS_CACHED_MAX
    assert Prompt(text="0", length_s=1.0).key != Prompt(text="0").key == Prompt(text="0").key


def test_a_failure_is_one_each_time() -> None:
    for _ in range(2):
        with pytest.raises(PeerError):
            parse_uri("sip:")
        with pytest.raises(PeerError):
            parse_name_addr("<")


def test_media_addresses_are_kept_up_to_the_limit_and_long_ones_refused_unkept() -> None:
    for number in range(SIP_VALUES_CACHED_MAX + 10):
        sdp._address(f"10.1.{number >> 8}.{number & 255}")
    assert sdp._address.cache_info().currsize == SIP_VALUES_CACHED_MAX
    kept = sdp._address.cache_info().misses
    host = "1" * (SIP_CACHED_CHARS_MAX + 1)
    offer = sdp.parse_sdp(f"v=0\no=- 1 1 IN IP4 h\nc=IN IP4 {host}\nt=0 0\nm=audio 4000 RTP/AVP 0\n".encode())
    assert sdp.offer_answer(offer, local_host="192.0.2.9", local_port=4000, session_id=1, version=1) is None
    assert sdp._address.cache_info().misses == kept


def test_hosts_are_kept_up_to_the_limit_and_long_ones_are_no_addresses() -> None:
    for number in range(SIP_VALUES_CACHED_MAX + 10):
        assert hosts.address_of(f"10.2.{number >> 8}.{number & 255}") is not None
    assert hosts._known.cache_info().currsize == SIP_VALUES_CACHED_MAX
    assert hosts.address_of("example.com") is None
    kept = hosts._known.cache_info().misses
    assert hosts.address_of("1" * (SIP_CACHED_CHARS_MAX + 1)) is None
    assert hosts._known.cache_info().misses == kept

"""Digest authentication: RFC 7616 with its examples, RFC 8760 (SIP), RFC 3261 §22, draft-smith-sip-auth-examples."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.model.errors import PeerError
from keepline.model.limits import DIGEST_PARAMS_MAX, NONCE_LIFE_S_MAX
from keepline.sip.digest import (
    Algorithm,
    Challenge,
    Credentials,
    DigestAnswer,
    answer_challenge,
    answers_in,
    challenge_headers,
    challenges_of,
    is_for,
    is_fresh,
    mint_nonce,
    nonce_age_s,
    parse_answer,
    parse_challenge,
    proves,
    redact,
    response_of,
)
from keepline.sip.message import Request, Response, make_response, parse_message
from keepline.sip.transaction import server_key
from tests.spec.sip_messages import SDP, request, wire

BOB = Credentials("bob", "zanzibar")
SMITH_SDP = (
    b"v=0\r\no=bob 2890844526 2890844526 IN IP4 media.biloxi.com\r\ns=-\r\nc=IN IP4 media.biloxi.com\r\nt=0 0\r\n"
    b"m=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n"
    b"m=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n"
)
SMITH = (
    'Digest realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
KEY, HOST = b"k" * 32, "192.0.2.1"


def challenged(asked: Request, *challenges: str, status: int = 401) -> Response:
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    return make_response(asked, status, to_tag="1", headers=[(name, each) for each in challenges])


def answered(*challenges: str, credentials: Credentials = BOB, asked: Request | None = None, nc: int = 1) -> str:
    """The header's value; the cnonce is that of the examples."""
    asked = asked or request("INVITE", uri="sip:bob@biloxi.com", body=SMITH_SDP)
    header = answer_challenge(asked, challenged(asked, *challenges), credentials, "0a4f113b", nc)
    assert header is not None
    assert header[0] == "Authorization"
    return header[1]


def response_in(text: str) -> str:
    answer = parse_answer(text)
    assert answer is not None
    return answer.response


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        (Algorithm.MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm.SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc7616_3_9_1_example_with_sha_256_and_md5(algorithm: Algorithm, response: str) -> None:
    nonce, cnonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    answer = DigestAnswer(
        *("Mufasa", "http-auth@example.org", nonce, "/dir/index.html", ""), algorithm, "auth", cnonce, "00000001"
    )
    assert response_of(answer, "GET", "Circle of Life") == response


@pytest.mark.parametrize(
    ("more", "response"),
    [
        ("", "bf57e4e0d0bffc0fbaedce64d59add5e"),
        (', qop="auth"', "89eb0059246c02b2f6ee02c7961d5ea3"),
        (", algorithm=MD5", "bf57e4e0d0bffc0fbaedce64d59add5e"),
        (', algorithm=MD5, qop="auth,auth-int"', "89eb0059246c02b2f6ee02c7961d5ea3"),
        (', qop="auth", algorithm=MD5-sess', "e4e4ea61d186d07a92c9e1f6919902e9"),
        (', qop="auth-int", algorithm=MD5', "bdbeebb2da6adb6bca02599c2239e192"),
        (', qop="auth-int", algorithm=md5-sess', "91984da2d8663716e91554859c22ca70"),
    ],
)
def test_draft_smith_3_examples_of_sip(more: str, response: str) -> None:
    text = answered(SMITH + more)
    assert response_in(text) == response
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in text
    assert ("algorithm=" in text) == ("algorithm=" in more)


def test_rfc2069_a_challenge_without_qop_is_answered_without() -> None:
    assert not re.search("qop|nc=|cnonce", answered(SMITH))


def test_rfc7616_3_4_nc_is_eight_hex_digits_and_unquoted() -> None:
    text = answered(SMITH + ', qop="auth"', nc=11)
    assert text.endswith("qop=auth, nc=0000000b")
    assert 'cnonce="0a4f113b"' in text


def test_rfc8760_2_4_the_strongest_challenge_is_answered() -> None:
    md5, sha = (SMITH + f', algorithm={name}, qop="auth"' for name in ("MD5", "SHA-256"))
    for order in ((md5, sha), (sha, md5)):
        assert "algorithm=SHA-256," in answered(*order)


def test_rfc8760_2_2_unknown_algorithms_and_schemes_are_passed_over() -> None:
    unknown = SMITH + ', algorithm=SHA-512-256, qop="auth"'
    strange_qop = SMITH + ', algorithm=SHA-256, qop="auth-conf"'
    assert response_in(answered("NTLM abc", unknown, strange_qop, 'Digest realm="x"', SMITH)) == (
        "bf57e4e0d0bffc0fbaedce64d59add5e"
    )
    asked = request()
    assert answer_challenge(asked, challenged(asked, "Basic realm=a", unknown), BOB, "c") is None
    assert answer_challenge(asked, challenged(asked), BOB, "c") is None


def test_rfc3261_22_3_a_proxy_is_answered_in_a_header_of_its_own() -> None:
    asked = request()
    header = answer_challenge(asked, challenged(asked, SMITH, status=407), BOB, "c")
    assert header is not None
    assert header[0] == "Proxy-Authorization"


def test_rfc3261_22_1_a_realm_may_be_insisted_on() -> None:
    other = SMITH.replace("biloxi.com", "elsewhere.example")
    only = Credentials("bob", "zanzibar", "biloxi.com")
    assert 'realm="biloxi.com"' in answered(other + ", algorithm=SHA-256", SMITH, credentials=only)
    asked = request()
    assert answer_challenge(asked, challenged(asked, other), only, "c") is None


def test_rfc3261_22_2_refused_credentials_are_not_sent_again_unless_the_nonce_is_stale() -> None:
    first = request("INVITE", uri="sip:bob@biloxi.com")
    first.headers.add("Authorization", answered(SMITH, asked=first))
    fresh = SMITH.replace("dcd98b", "000000")
    assert answer_challenge(first, challenged(first, fresh), BOB, "c") is None
    assert 'nonce="0000007102' in answered(fresh + ", stale=TRUE", asked=first)
    first.headers.set("Authorization", "Digest what")
    assert answer_challenge(first, challenged(first, fresh), BOB, "c") is not None


def test_rfc3261_25_1_quoted_strings_are_escaped_both_ways() -> None:
    strange = Credentials('b"o\\b', "p")
    answer = parse_answer(answered('Digest realm="a\\"b,c=\\\\", nonce="n"', credentials=strange))
    assert answer is not None
    assert (answer.username, answer.realm) == ('b"o\\b', 'a"b,c=\\')


def test_rfc7616_3_3_a_challenge_is_read_whatever_its_spacing_case_and_order() -> None:
    text = 'dIGEST\tqop = "Auth , auth-int" ,ALGORITHM="sha-256" ,stale=True,nonce="n",x-new=1, Realm="r", domain="a b"'
    assert parse_challenge(text) == Challenge("r", "n", Algorithm.SHA256, True, ("auth", "auth-int"), None, True)


@pytest.mark.parametrize(
    "text",
    [
        "Digest realm",
        'Digest realm="a',
        'Digest realm="a" nonce="b"',
        'Digest realm="a", realm="b", nonce="c"',
        'Digest realm="a", nonce=""',
        "Digest " + ", ".join(f"a{index}=b" for index in range(DIGEST_PARAMS_MAX + 1)),
    ],
)
def test_rfc7616_3_3_what_is_no_challenge(text: str) -> None:
    with pytest.raises(PeerError):
        parse_challenge(text)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ('Digest username="a", realm="r", nonce="n", uri="u"', "response"),
        ('Digest username="a", realm="r", nonce="n", uri="u", response="1", qop=auth, nc=00000001', "cnonce"),
        ('Digest username="a", realm="r", nonce="n", uri="u", response="1", qop=auth, nc=x, cnonce="c"', "nc"),
    ],
)
def test_rfc7616_3_4_what_is_no_answer(text: str, missing: str) -> None:
    with pytest.raises(PeerError, match=missing):
        parse_answer(text)


def test_rfc7616_3_4_2_only_who_knows_the_password_proves_it() -> None:
    asked = request("INVITE", uri="sip:1000@192.0.2.9")
    for index, (name, text) in enumerate(challenge_headers("shop", "n")):
        assert name == "WWW-Authenticate"
        [answer] = answers_in(with_header(asked, answered(text, asked=asked)))
        assert answer.algorithm is (Algorithm.SHA256, Algorithm.MD5)[index]
        assert proves(answer, asked, "zanzibar")
        assert not proves(answer, asked, "Zanzibar")
        assert not proves(answer, request("BYE", uri="sip:1000@192.0.2.9"), "zanzibar")


def with_header(asked: Request, text: str) -> Request:
    copy = Request(asked.method, asked.uri, asked.headers.copy())
    copy.headers.add("Authorization", text)
    return copy


def test_rfc7616_3_5_what_was_not_offered_proves_nothing() -> None:
    """No answer without qop, which could be replayed for ever, and no session of another request."""
    asked = request("INVITE", uri="sip:bob@biloxi.com", body=SMITH_SDP)
    for more in ("", ', qop="auth-int"', ', qop="auth", algorithm=MD5-sess'):
        [answer] = answers_in(with_header(asked, answered(SMITH + more, asked=asked)))
        assert not proves(answer, asked, "zanzibar")


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("sip:1000@192.0.2.9", True),
        ("sip:1000@192.0.2.9;transport=udp", True),
        ("sip:%31000@192.0.2.9", True),
        ("sip:1001@192.0.2.9", False),
        ("sip:1000@192.0.2.10", False),
        ("sip:1000@192.0.2.9:5062", False),
        ("/dir/index.html", False),
    ],
)
def test_rfc7616_3_4_6_the_uri_that_is_hashed_is_the_requests(said: str, right: bool) -> None:
    answer = DigestAnswer("bob", "r", "n", said, "", Algorithm.MD5)
    assert is_for(answer, request(uri="sip:1000@192.0.2.9")) is right


def test_rfc7616_5_4_a_nonce_is_known_again_by_who_has_the_key() -> None:
    nonce = mint_nonce(KEY, 1000.9, b"12345678", HOST)
    age_s = nonce_age_s(KEY, 1030.0, nonce, HOST)
    assert age_s == 30.0
    assert mint_nonce(KEY, 1000.9, b"12345679", HOST) != nonce
    assert nonce_age_s(b"another key", 1030.0, nonce, HOST) is None
    assert nonce_age_s(KEY, 1030.0, nonce, "192.0.2.2") is None
    assert nonce_age_s(KEY, 1030.0, nonce.replace("3", "4"), HOST) is None
    assert nonce_age_s(KEY, 1030.0, "dcd98b7102dd2f0e8b11d0f600bfb0c093", HOST) is None


def test_rfc7616_3_3_an_old_nonce_is_stale() -> None:
    assert [is_fresh(age_s) for age_s in (-61, -1, 0, NONCE_LIFE_S_MAX, NONCE_LIFE_S_MAX + 1)] == [
        *(False, True, True, True, False)
    ]
    assert all("stale=true" in text for _, text in challenge_headers("r", "n", stale=True))


def test_rfc3261_22_4_credentials_are_left_out_of_what_is_written() -> None:
    secret = 'Digest username="a", response="0123"'
    lines = (f"Authorization: {secret}", f"pRoxy-AUTHORIZATION :{secret},\r\n\tnc=1", "Subject: Authorization: none")
    raw = wire("INVITE", *lines, body=SDP + b"Authorization: in a body\r\n")
    written = redact(raw)
    assert b"0123" not in written
    assert b"nc=1" not in written
    assert written.count(b" redacted\r\n") == 2
    assert written.endswith(SDP + b"Authorization: in a body\r\n")
    before, after = parse_message(raw), parse_message(written)
    assert isinstance(before, Request)
    assert isinstance(after, Request)
    assert server_key(before) == server_key(after)
    assert [name for name, _ in before.headers.items()] == [name for name, _ in after.headers.items()]
    assert redact(wire()) == wire()


@pytest.mark.parametrize("ends", [b"\r\n", b"\n"])
def test_rfc3261_22_4_credentials_are_left_out_however_lines_end(ends: bytes) -> None:
    raw = b"\r\n\r\n" + wire("INVITE", 'Authorization: Digest response="0123"', body=SDP).replace(b"\r\n", ends)
    assert b"0123" not in redact(raw)


@given(st.text(max_size=200))
def test_rfc7616_3_3_any_text_is_a_challenge_or_none_or_a_peer_error(text: str) -> None:
    for parse in (parse_challenge, parse_answer):
        for prefix in ("", "Digest "):
            with contextlib.suppress(PeerError):
                parse(prefix + text)


WORDS = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["C"]), min_size=1)


@given(WORDS, WORDS, WORDS, st.sampled_from(["", "auth", "auth-int", "auth,auth-int"]), st.sampled_from(Algorithm))
def test_rfc7616_3_4_what_we_answer_can_be_read(
    realm: str, nonce: str, name: str, qop: str, algorithm: Algorithm
) -> None:
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in (realm, nonce)]
    text = f'Digest realm="{quoted[0]}", nonce="{quoted[1]}", algorithm={algorithm.value}'
    asked = request()
    [challenge] = challenges_of(challenged(asked, text + (f', qop="{qop}"' if qop else "")))
    assert (challenge.realm, challenge.nonce) == (realm, nonce)
    header = answer_challenge(asked, challenged(asked, text + (f', qop="{qop}"' if qop else "")), BOB, name)
    assert header is not None
    answer = parse_answer(header[1])
    assert answer is not None
    assert (answer.realm, answer.nonce, answer.algorithm) == (realm, nonce, algorithm)
    assert response_of(answer, asked.method, "zanzibar", asked.body) == answer.response

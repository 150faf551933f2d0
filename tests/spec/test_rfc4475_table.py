"""The torture messages of RFC 4475, one test a message: read as the RFC says, answered as the table says, and nothing
else disturbed. The messages are read from KEEPLINE_TORTURE_DIR, by default `../shared/sip-torture` beside the project.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.model.errors import PeerError
from keepline.sip.body import parts_of
from keepline.sip.message import NameAddr, Request, Response, Via, parse_message, parse_name_addr, parse_uri, parse_via
from tests.spec.exchange_rig import Rig
from tests.spec.sip_messages import PEER
from tests.spec.torture_table import DROPPED, TABLE, VALID, Row

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / os.environ.get("KEEPLINE_TORTURE_DIR", "../shared/sip-torture")
Message = Request | Response

rows = pytest.mark.parametrize("row", TABLE, ids=[row.file for row in TABLE])


def message_of(row: Row) -> bytes:
    file = DIRECTORY / f"{row.file}.dat"
    if not file.exists():
        reason = f"no torture messages in {DIRECTORY}; name their directory in KEEPLINE_TORTURE_DIR"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return file.read_bytes()


def vias(message: Message) -> list[tuple[str, str, str | None]]:
    return [brief(parse_via(text)) for text in message.headers.get_all("Via")]


def brief(via: Via) -> tuple[str, str, str | None]:
    return via.transport, via.host, via.branch


def contacts(message: Message) -> list[NameAddr]:
    return [parse_name_addr(text) for text in message.headers.get_all("Contact")]


FIELDS: dict[str, Callable[..., object]] = {
    "method": lambda m: m.method,
    "uri": lambda m: m.uri,
    "uri.user": lambda m: parse_uri(m.uri).user,
    "uri.password": lambda m: parse_uri(m.uri).password,
    "uri.host": lambda m: parse_uri(m.uri).host,
    "uri.params": lambda m: parse_uri(m.uri).params,
    "status": lambda m: m.status,
    "reason": lambda m: m.reason,
    "call_id": lambda m: m.call_id,
    "cseq": lambda m: (m.cseq.number, m.cseq.method),
    "max_forwards": lambda m: int(m.headers.get("Max-Forwards")),
    "via": vias,
    "via.count": lambda m: len(vias(m)),
    "via.top": lambda m: brief(m.top_via),
    "via.last": lambda m: vias(m)[-1],
    "to.display": lambda m: m.to.display,
    "to.uri": lambda m: m.to.uri,
    "to.user": lambda m: parse_uri(m.to.uri).user,
    "to.uri_params": lambda m: parse_uri(m.to.uri).params,
    "to.tag": lambda m: m.to.tag,
    "to.params": lambda m: m.to.params,
    "from.display": lambda m: m.from_.display,
    "from.uri": lambda m: m.from_.uri,
    "from.user": lambda m: parse_uri(m.from_.uri).user,
    "from.tag": lambda m: m.from_.tag,
    "from.params": lambda m: m.from_.params,
    "contacts": lambda m: [(contact.display, contact.uri, contact.params) for contact in contacts(m)],
    "contact.user": lambda m: parse_uri(contacts(m)[0].uri).user,
    "contact.users": lambda m: [parse_uri(contact.uri).user for contact in contacts(m)],
    "contact.uri_params": lambda m: parse_uri(contacts(m)[0].uri).params,
    "contact.uri_headers": lambda m: parse_uri(contacts(m)[0].uri).headers,
    "body_bytes": lambda m: len(m.body),
}


def value_of(message: Message, name: str, expected: object) -> object:
    if name.startswith("header:"):
        return message.headers.get_all(name.removeprefix("header:"))
    if name == "parts":
        assert isinstance(expected, list)
        # A binary part is known by its length.
        return [
            (part.content_type, part.data if isinstance(data, bytes) else len(part.data))
            for part, (_, data) in zip(parts_of(message), expected, strict=True)
        ]
    return FIELDS[name](message)


def check_answer(row: Row, answers: list[Response], request: bytes) -> None:
    assert [answer.status for answer in answers] == ([] if row.answer == DROPPED else [row.answer])
    for answer in answers:
        for name, expected in row.says.items():
            said = answer.reason if name == "reason" else answer.headers.get(name, "")
            assert expected in str(said), (name, said)
        if row.verdict == VALID:
            asked = parse_message(request)
            assert answer.headers.get_all("Via")[1:] == asked.headers.get_all("Via")[1:]
            assert (answer.call_id, answer.cseq, answer.from_) == (asked.call_id, asked.cseq, asked.from_)
            assert (answer.to.uri, answer.to.display) == (asked.to.uri, asked.to.display)
            assert answer.to.tag


def test_the_table_is_whole() -> None:
    assert len({row.file for row in TABLE}) == 49
    if DIRECTORY.exists():
        assert {file.stem for file in DIRECTORY.glob("*.dat")} == {row.file for row in TABLE}


@rows
def test_rfc4475_fields(row: Row) -> None:
    data = message_of(row)
    if row.verdict == VALID or row.fields:
        message = parse_message(data)
        found = {name: value_of(message, name, expected) for name, expected in row.fields.items()}
        assert found == row.fields
        again = parse_message(message.encode())
        assert {name: value_of(again, name, expected) for name, expected in row.fields.items()} | (
            {"header:Content-Length": []} if "header:Content-Length" in row.fields else {}
        ) == row.fields
    else:
        try:
            message = parse_message(data)
        except PeerError:
            return
        assert row.answer >= 400, "read without complaint, and not refused later either"


@rows
def test_rfc4475_answer(row: Row) -> None:
    data = message_of(row)
    rig = Rig()
    answers = rig.send(data)
    check_answer(row, answers, data)
    accepted = 1 if row.answer == 200 and answers[0].cseq.method == "INVITE" else 0
    assert rig.exchange.live_calls == accepted
    if row.answer == DROPPED:
        assert rig.facts == []
    rig.options_are_answered()
    rig.call_completes()
    assert rig.exchange.live_calls == accepted
    copies = [] if accepted else [answer.encode() for answer in answers]  # a 200 to INVITE is repeated by the clock
    assert [answer.encode() for answer in rig.send(data)] == copies
    rig.call_completes()


def test_rfc4475_all_at_one_exchange() -> None:
    rig = Rig(slots=64)
    for row in TABLE:
        data = message_of(row)
        check_answer(row, rig.send(data), data)
        rig.options_are_answered()
        rig.call_completes()
        rig.pass_time(33)  # some share their branch, and so their transaction
    rig.pass_time(64)
    assert [call.received.sip_call_id for call in rig.exchange.calls.values()] == []
    assert not rig.exchange.transactions.servers
    assert len(rig.exchange.slots.free) == 64
    rig.call_completes()


def test_rfc4475_from_a_stranger_each_is_refused_without_a_word_on_why() -> None:
    for row in TABLE:
        data = message_of(row)
        answers = Rig().send(data, ("198.51.100.66", 5060))
        assert [answer.status for answer in answers] == ([] if row.answer == DROPPED else [403])
        assert [answer.reason for answer in answers] == ([] if row.answer == DROPPED else ["Forbidden"])


def test_rfc4475_3_1_2_15_the_display_name_alone_is_enough_to_refuse() -> None:
    baddn = next(row for row in TABLE if row.file == "baddn")
    data = message_of(baddn) + b"\r\n"  # the published message lacks its empty line, which would be enough as well
    answer = Rig().ask(data, PEER)
    assert answer.status == 400
    assert "From: an address" in answer.reason

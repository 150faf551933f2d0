"""A copy of what a service knows: taken whole or not at all, answered from with its age, never beyond it."""

import asyncio
import sqlite3
import stat
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from keepline.config.answers import parse_field
from keepline.connectors.interface import Asked
from keepline.connectors.snapshot import source
from keepline.connectors.snapshot.client import THREADS, SnapshotConnector
from keepline.connectors.snapshot.file import CopyPlace, copy_place, failure_of, open_copy, taken_at_s, write_copy
from keepline.connectors.snapshot.source import CopyFailed, fetch_answers
from keepline.desk.copying import CopyMaker, remove_left
from keepline.flow.capabilities import Reply, Unavailable, UseOutcome, outcome_words, read_outcome, write_outcome
from keepline.model.capability import CapabilityAction, SecretRef, Snapshot, SnapshotTable
from keepline.node.copies import CopyTask

NOON_S = 1_700_000_000.0
FIND = CapabilityAction(
    table="orders", key="number", response={"state": parse_field("$.state"), "day": parse_field("$.day?")}
)
ITEM = CapabilityAction(table="orders", key="number", response={"item": parse_field("$.lines[0].item")})
ACTIONS = {"find": FIND, "item": ITEM}
ORDERS = SnapshotTable("/export/orders", parse_field("$.orders"), parse_field("$.number"))
SNAPSHOT = Snapshot("http://shop.invalid/v1", {}, {"orders": ORDERS}, every_s=60.0, age_s_max=600.0)
ROWS = [
    {"number": 100001, "state": "shipped", "day": "2026-11-23", "lines": [{"item": "lamp"}], "phone": "+15550001"},
    {"number": "100002", "state": "packed", "lines": [{"item": "desk"}], "phone": "+15550002"},
]


def serving(answer: Any, status: int = 200) -> httpx2.MockTransport:
    def reply(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/v1/export/orders"
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(status, **({"content": answer} if isinstance(answer, bytes) else {"json": answer}))

    return httpx2.MockTransport(reply)


def fetch(answer: Any, status: int = 200) -> list[tuple[str, str, Mapping[str, Any]]]:
    return fetch_answers(SNAPSHOT, ACTIONS, serving(answer, status))


@pytest.fixture
def place(tmp_path: Path) -> CopyPlace:
    return copy_place(tmp_path, "orders", "copy", SNAPSHOT, ACTIONS)


def ask(place: CopyPlace, now_s: float, name: str = "find", **arguments: object) -> UseOutcome:
    async def once() -> UseOutcome:
        connector = SnapshotConnector(place, SNAPSHOT.age_s_max, lambda: now_s)
        try:
            return await connector.ask(Asked(name, ACTIONS[name], arguments, "c1-0", 1.0))
        finally:
            await connector.close()

    return asyncio.run(once())


def test_each_question_has_its_answer_and_its_age(place: CopyPlace) -> None:
    assert write_copy(place, NOON_S, fetch({"orders": ROWS})) == 4
    assert ask(place, NOON_S + 90, number="100001") == Reply({"state": "shipped", "day": "2026-11-23"}, 90.0)
    assert ask(place, NOON_S + 90, number=100002) == Reply({"state": "packed", "day": None}, 90.0)
    assert ask(place, NOON_S + 90, "item", number="100002") == Reply({"item": "desk"}, 90.0)
    assert ask(place, NOON_S - 90, number="100001").age_s == 0.1, "a clock that was set back; still a copy's answer"  # type: ignore[union-attr]


def test_questions_that_come_together_wait_for_their_turn_and_none_is_left_without_an_answer(place: CopyPlace) -> None:
    write_copy(place, NOON_S, fetch({"orders": ROWS}))

    async def together() -> list[UseOutcome]:
        connector = SnapshotConnector(place, SNAPSHOT.age_s_max, lambda: NOON_S)
        try:
            asked = Asked("find", FIND, {"number": "100001"}, "c1-0", 1.0)
            return await asyncio.gather(*(connector.ask(asked) for _ in range(10 * THREADS)))
        finally:
            await connector.close()

    assert {type(outcome) for outcome in asyncio.run(together())} == {Reply}


def test_nothing_is_kept_but_what_is_declared_and_nobody_else_may_read_it(place: CopyPlace) -> None:
    write_copy(place, NOON_S, fetch({"orders": ROWS}))
    assert b"+1555" not in place.file.read_bytes()
    assert stat.S_IMODE(place.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("now_s", "arguments", "why"),
    [
        (NOON_S + 601, {"number": "100001"}, "the copy is 601 s old, more than 600 s"),
        (NOON_S + 10, {"number": "100009"}, "the copy, 10 s old, does not have it"),
        (NOON_S, {}, "it needs `number`"),
    ],
)
def test_what_the_copy_cannot_tell_is_no_answer(
    place: CopyPlace, now_s: float, arguments: dict[str, object], why: str
) -> None:
    write_copy(place, NOON_S, fetch({"orders": ROWS}))
    assert ask(place, now_s, **arguments) == Unavailable(why)


def test_before_there_is_a_copy_and_when_it_is_damaged(place: CopyPlace) -> None:
    assert ask(place, NOON_S, number="100001") == Unavailable("there is no copy yet")
    assert taken_at_s(place) is None
    place.file.parent.mkdir()
    place.file.write_bytes(b"no database at all" * 100)
    found = ask(place, NOON_S, number="100001")
    assert isinstance(found, Unavailable)
    assert found.reason.startswith("the copy cannot be read: ")
    assert taken_at_s(place) is None
    write_copy(place, NOON_S, fetch({"orders": ROWS}))
    assert ask(place, NOON_S + 1, number="100001").ok


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        (
            {"orders": [*ROWS, {"number": "100003", "sate": "packed", "lines": [{"item": "x"}]}]},
            200,
            r"row 3: .*\$\.state",
        ),
        ({"orders": [{"state": "packed"}]}, 200, r"orders: row 1: the answer has no \$\.number"),
        ({"orders": [{"number": None, "state": "packed"}]}, 200, r"the answer has no \$\.number"),
        ({"orders": ["100001"]}, 200, r"row 1: the answer has no \$\.number"),
        ({"items": []}, 200, r"orders: the answer has no \$\.orders"),
        ({"orders": {}}, 200, r"orders: the answer has no list at \$\.orders"),
        (b"<html>", 200, "orders: the answer is no JSON"),
        ({"orders": ROWS}, 503, "answered 503"),
        ({"orders": ROWS}, 301, "answered 301"),
        (httpx2.ConnectError("refused"), 200, "ConnectError: refused"),
        (httpx2.ReadTimeout("late"), 200, "ReadTimeout"),
    ],
)
def test_a_table_that_breaks_its_contract_is_not_taken(answer: Any, status: int, why: str) -> None:
    with pytest.raises(CopyFailed, match=why):
        fetch(answer, status)


def test_an_answer_without_an_end_and_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "SNAPSHOT_ROWS_MAX", 3)
    with pytest.raises(CopyFailed, match="more than 3 rows"):
        fetch({"orders": ROWS})
    monkeypatch.setattr(source, "SNAPSHOT_BYTES_MAX", 100)
    with pytest.raises(CopyFailed, match="more than 100 bytes"):
        fetch({"orders": ROWS})


def test_a_secret_that_is_missing_is_named_and_not_said() -> None:
    wanting = Snapshot("http://shop.invalid/v1", {"X-Token": SecretRef("env", "KEEPLINE_NOT_THERE")}, {})
    with pytest.raises(CopyFailed, match="the environment has no KEEPLINE_NOT_THERE"):
        fetch_answers(wanting, {}, serving({}))


def test_a_copy_that_cannot_be_written_leaves_the_last_one(place: CopyPlace) -> None:
    write_copy(place, NOON_S, fetch({"orders": ROWS}))

    def breaking() -> Any:
        yield "find", "100001", {"state": "lost"}
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_copy(place, NOON_S + 60, breaking())
    assert ask(place, NOON_S + 90, number="100001") == Reply({"state": "shipped", "day": "2026-11-23"}, 90.0)
    assert [each.name for each in place.file.parent.iterdir()] == [place.file.name]


def test_whoever_reads_while_a_new_copy_comes_reads_the_last_one(place: CopyPlace) -> None:
    write_copy(place, NOON_S, [("find", "1", {"state": "old"})])
    with closing(open_copy(place)) as reader:
        write_copy(place, NOON_S + 60, [("find", "1", {"state": "new"})])
        assert reader.execute("SELECT fields FROM answers").fetchall() == [('{"state": "old"}',)]
        with pytest.raises(sqlite3.OperationalError):
            reader.execute("DELETE FROM answers")
    assert ask(place, NOON_S + 61, number="1") == Reply({"state": "new"}, 1.0)


def test_another_meaning_is_another_copy(tmp_path: Path) -> None:
    more = dict(ACTIONS, find=CapabilityAction(table="orders", key="number", response={"state": parse_field("$.s")}))
    names = {
        copy_place(tmp_path, "orders", "copy", SNAPSHOT, actions).file.name for actions in (ACTIONS, more, ACTIONS)
    }
    assert len(names) == 2


# Who makes it ---------------------------------------------------------------------------------------------------------


def maker(place: CopyPlace, fetch: Callable[..., Any]) -> CopyMaker:
    return CopyMaker(CopyTask("orders/copy", place, SNAPSHOT, ACTIONS), fetch)


def test_a_copy_is_made_at_once_and_then_every_so_often(place: CopyPlace) -> None:
    made = maker(place, lambda *_: fetch({"orders": ROWS}))
    assert made.pause_s(NOON_S) == 0.0
    made.attend(NOON_S)
    assert made.pause_s(NOON_S + 10) == 50.0
    assert made.pause_s(NOON_S + 100) == 0.0
    assert made.pause_s(NOON_S - 1_000) == 60.0, "a clock that was set back"
    assert maker(place, lambda *_: []).pause_s(NOON_S + 20) == 40.0, "another process goes on with what there is"


def test_while_it_fails_the_last_copy_stays_until_it_is_too_old(place: CopyPlace) -> None:
    def failing(*_: object) -> Any:
        raise CopyFailed("http://shop.invalid/v1/export/orders answered 503")

    maker(place, lambda *_: fetch({"orders": ROWS})).attend(NOON_S)
    made = maker(place, failing)
    made.attend(NOON_S + 60)
    assert failure_of(place) == "http://shop.invalid/v1/export/orders answered 503"
    assert made.pause_s(NOON_S + 60) == 60.0, "it is asked no oftener for that"
    assert ask(place, NOON_S + 90, number="100001").ok
    made.attend(NOON_S + 601)
    assert not place.file.exists()
    maker(place, lambda *_: fetch({"orders": ROWS})).attend(NOON_S + 700)
    assert failure_of(place) == ""
    assert ask(place, NOON_S + 701, number="100001").ok


def test_copies_that_no_version_asks_for_are_removed_in_time(place: CopyPlace, tmp_path: Path) -> None:
    write_copy(place, NOON_S, [])
    age_s = place.file.stat().st_mtime
    remove_left(set(), tmp_path, age_s + 86_399)
    assert place.file.exists()
    remove_left({place.file}, tmp_path, age_s + 90_000)
    assert place.file.exists()
    remove_left(set(), tmp_path, age_s + 90_000)
    assert not place.file.exists()


def test_the_age_is_on_record_with_the_answer() -> None:
    text = write_outcome(Reply({"state": "shipped"}, 90.0))
    assert read_outcome(text) == Reply({"state": "shipped"}, 90.0)
    assert outcome_words(text) == "done: from a copy 90 s old"
    assert write_outcome(Reply({"state": "shipped"})) == '{"reply":{"state":"shipped"}}'
    assert Reply({}) != Reply({}, 1.0)

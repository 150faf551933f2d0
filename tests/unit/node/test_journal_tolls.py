"""The ledger of tolls is found again in the journal, and nothing else is read for it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from keepline.call.facts import CallAnswered, CallPlaced, Fact, ending
from keepline.call.outbound.policy import TollLedger
from keepline.model.operation import OutboundPolicy
from keepline.node.journal import Journal, Tail, create, next_epoch
from keepline.node.journal_tolls import placed_since
from tests.spec.exchange_rig import Rig
from tests.spec.placing_rig import Placer

POLICY = OutboundPolicy(allow=("*",), rates={"*": Decimal("0.10")})


def written(tmp_path: Path, facts: list[Fact]) -> tuple[Path, Tail]:
    path = create(tmp_path)
    journal = Journal(path, next_epoch(path), lambda _written: None)
    journal.submit(facts)
    journal.close()
    tail = Tail(path)
    tail.open_calls(0.0)
    return path, tail


def facts_of(placed: CallPlaced, at_s: float, lasts_s: float) -> list[Fact]:
    answered = CallAnswered(placed.call, at_s, "", "PCMU", 0, -1, "192.0.2.60", 4000)
    return [replace(placed, at_s=at_s), answered, ending(placed, at_s + lasts_s, "callee", 200, "")]


def test_a_successor_counts_what_its_predecessor_placed(tmp_path: Path) -> None:
    placer = Placer()
    for number in range(4):
        placer.place(f"+1555000{number}")
    old, long, short, live = (fact for fact in placer.facts if isinstance(fact, CallPlaced))
    rig = Rig()
    rig.call_completes()
    facts = [
        *facts_of(old, 500.0, 10.0),
        *rig.facts,
        *facts_of(long, 4000.0, 600.0),
        *facts_of(short, 4100.0, 30.0),
        replace(live, at_s=4200.0),
    ]
    path, tail = written(tmp_path, facts)
    found = placed_since(path, 1000.0, tail.seq)
    assert [fact.call for fact in found if isinstance(fact, CallPlaced)] == [long.call, short.call, live.call]
    assert len(found) == 7
    ledger = TollLedger(POLICY)
    for fact in found:
        ledger.note(fact)
    assert ledger.calls(4600.0) == 3
    assert ledger.spent(4600.0) == Decimal("0.10") * (10 + 1 + 7)
    assert ledger.spent(4130.0 + 3600.0) == Decimal("0.10") * (10 + 59)
    assert placed_since(path, 1000.0, 0) == []
    tail.close()


def test_it_reads_by_an_index_of_placed_calls(tmp_path: Path) -> None:
    path, tail = written(tmp_path, [])
    [plan] = tail._connection.execute(
        "EXPLAIN QUERY PLAN SELECT call, body FROM facts WHERE kind = 'call_placed.1' AND seq <= 9 ORDER BY seq DESC"
    ).fetchall()
    assert "facts_placed" in plan[3]
    assert path.exists()
    tail.close()
